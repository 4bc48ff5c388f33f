// SPDX-License-Identifier: Apache-2.0
#pragma once

// For lib/http alone: the words the plan of a document is written in.

#include "http/config_plan.hpp"
#include "http/fields.hpp"

namespace mirror::http {

std::string text_of(const boost::json::object& object, std::string_view name);  // "" where there is no text
// What of the wanted fields differs; each difference becomes a line.
boost::json::object difference(ConfigPlan& plan, const std::string& object,
                               const boost::json::object& current, const boost::json::object& wanted);
// nullptr, and an error of the plan, when its content was not sent.
const std::string* file_of(ConfigPlan& plan, const std::map<std::string, std::string>& files,
                           const std::string& object, const std::string& path);

// current: the row of the store, of the link as it is; nullptr: a new one.
void plan_directory(ConfigPlan& plan, const boost::json::object* current, const ConfigDocument::Store& store,
                    const std::map<std::string, std::string>& files);
void plan_directory_mirror(ConfigPlan& plan, const boost::json::object* current,
                           const ConfigDocument::Link& link);

}  // namespace mirror::http
