// SPDX-License-Identifier: Apache-2.0
#pragma once

// The lines of a file with the own passwords of many mailboxes. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"

namespace mirror::http {

struct PasswordLines {
  struct Row {
    std::size_t line = 0;  // from 1
    std::string mailbox;
    base::SecretText password;
  };
  struct Wrong {
    std::size_t line = 0;
    std::string text;  // never the password
  };
  std::vector<Row> rows;
  std::vector<Wrong> wrong;
};

// "MAILBOX<tab>PASSWORD" or "MAILBOX,PASSWORD" a line, separated as in the import of mailboxes. Everything
// behind the first separator is the password, blanks and commas too; # begins a comment line.
PasswordLines parse_password_lines(std::string_view text);
// Complaints about a password, or "".
std::string check_password(std::string_view password);

}  // namespace mirror::http
