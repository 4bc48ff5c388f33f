// SPDX-License-Identifier: Apache-2.0
#pragma once

// For lib/http alone: the pieces the document is read and written in.

#include "http/config_plan.hpp"
#include "http/fields.hpp"

namespace mirror::http {

// Every field, defaults filled in; what is wrong becomes errors of the document.
boost::json::object read_object(base::SettingsTable& table, const std::vector<Field>& fields);
ConfigDocument::Directory read_directory(base::SettingsTable& table);
boost::json::object read_directory_mirror(base::SettingsTable& table);

std::string quoted(std::string_view text);
std::string toml_value(const boost::json::value& value);
std::string member(const boost::json::object& object, std::string_view name);  // "" where there is no text
// Those that differ from their defaults.
void write_fields(std::string& out, const boost::json::object& object, const std::vector<Field>& fields);
// Nothing where the store, the link has none.
void write_directory(std::string& out, const boost::json::object& store);
void write_directory_mirror(std::string& out, const boost::json::object& link);

}  // namespace mirror::http
