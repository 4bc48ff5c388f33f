// SPDX-License-Identifier: Apache-2.0
#pragma once

// For lib/db alone: a transaction whose statements are prepared once a connection. Planning a statement of
// several tables costs more than running it.

#include <pqxx/pqxx>
#include <string>
#include <unordered_map>

namespace mirror::db {

// Statement text -> the name it is prepared under; as long-lived as its connection.
using Prepared = std::unordered_map<std::string, std::string>;

class Transaction : public pqxx::work {
 public:
  Transaction(pqxx::connection_base& connection, Prepared& prepared)
      : pqxx::internal::namedclass("transaction"), pqxx::work(connection), prepared_(prepared) {}

  bool of_a_pass = false;  // its COMMIT is a step (base/fault.hpp)

  // In place of pqxx's own, so that no call site can forget.
  template <class... Args>
  pqxx::result exec_params(const std::string& text, Args&&... args) {
    const std::string* name = prepare(text);
    if (name == nullptr) return pqxx::work::exec_params(text, std::forward<Args>(args)...);
    return exec_prepared(*name, std::forward<Args>(args)...);
  }
  template <class... Args>
  pqxx::row exec_params1(const std::string& text, Args&&... args) {
    const std::string* name = prepare(text);
    if (name == nullptr) return pqxx::work::exec_params1(text, std::forward<Args>(args)...);
    return exec_prepared1(*name, std::forward<Args>(args)...);
  }

 private:
  // nullptr: too many different texts (filters put together by a view); this one is planned each time.
  const std::string* prepare(const std::string& text) {
    constexpr std::size_t k_limit = 400;
    const auto found = prepared_.find(text);
    if (found != prepared_.end()) return &found->second;
    if (prepared_.size() >= k_limit) return nullptr;
    std::string name = "s" + std::to_string(prepared_.size());
    conn().prepare(name, text);
    return &prepared_.emplace(text, std::move(name)).first->second;
  }

  Prepared& prepared_;
};

}  // namespace mirror::db
