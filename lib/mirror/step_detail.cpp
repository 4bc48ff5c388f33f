// SPDX-License-Identifier: Apache-2.0
#include "mirror/step_detail.hpp"

#include <boost/json.hpp>

namespace mirror::engine {

std::string folders_detail(const std::vector<std::string>& names) {
  return boost::json::serialize(
      boost::json::object{{"folders", boost::json::array(names.begin(), names.end())}});
}

std::string rename_detail(const std::string& from, const std::string& to) {
  return boost::json::serialize(boost::json::object{{"from", from}, {"to", to}});
}

}  // namespace mirror::engine
