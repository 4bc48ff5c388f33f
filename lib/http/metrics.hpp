// SPDX-License-Identifier: Apache-2.0
#pragma once

// Prometheus text exposition (0.0.4) of figures read from the tables. Pure.

#include <boost/json.hpp>
#include <string>

namespace mirror::http {

// rows: [{"name", "labels": {..}, "value"}]; a name ending _total is a counter, any other a gauge. Rows of a
// name are grouped; label values are escaped.
std::string format_metrics(const boost::json::array& rows, const std::string& version,
                           const std::string& commit);

}  // namespace mirror::http
