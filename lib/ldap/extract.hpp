// SPDX-License-Identifier: Apache-2.0
#pragma once

// A subtree, read completely or known to be incomplete. Whoever deletes what is not in it has to know:
// entries come and look valid also before a limit, a lost connection or a referral ends the search.

#include "ldap/connection.hpp"

namespace mirror::ldap {

class ExtractSink : public Sink {
 public:
  // What was taken so far is void: the reading begins anew.
  virtual void start_over() = 0;
};

struct ExtractEnd {
  bool complete =
      false;  // each page ended with success, the last cookie was empty, nothing was referred elsewhere
  std::uint64_t entries = 0;
  std::uint64_t pages = 0;  // 0: in one search
  Outcome outcome;          // the last one
  std::string why;          // incomplete: what happened, for a person
};

// page_size 0: in one search, and when the account's limits forbid that (codes 4 and 11), in pages of 1,000;
// else in pages of that size (RFC 2696). A lost connection throws, as a search does.
Task<ExtractEnd> extract(Connection& connection, SearchRequest request, int page_size, ExtractSink& sink);

}  // namespace mirror::ldap
