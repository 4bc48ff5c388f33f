// SPDX-License-Identifier: Apache-2.0
#include "ldap/extract.hpp"

namespace mirror::ldap {

namespace {

constexpr int k_page = 1000;

class Counted : public Sink {
 public:
  Counted(Sink& inner, std::uint64_t& count) : inner_(inner), count_(count) {}
  Task<void> take(Entry entry) override {
    ++count_;
    co_await inner_.take(std::move(entry));
  }

 private:
  Sink& inner_;
  std::uint64_t& count_;
};

std::string why_not(const Outcome& outcome) {
  if (outcome.code == Code::size_limit_exceeded || outcome.code == Code::admin_limit_exceeded)
    return "the server's limits for this account end the search early: " + outcome.words();
  if (!outcome.ok()) return "the search ended with " + outcome.words();
  if (!outcome.referrals.empty()) return "a part of it is on another server: " + outcome.referrals.front();
  return {};
}

Task<ExtractEnd> in_one(Connection& connection, SearchRequest request, Sink& sink) {
  ExtractEnd end;
  Counted counted(sink, end.entries);
  end.outcome = co_await connection.search(std::move(request), counted);
  end.why = why_not(end.outcome);
  end.complete = end.why.empty();
  co_return end;
}

// A cookie belongs to this connection, and is used once (RFC 2696 3).
Task<ExtractEnd> in_pages(Connection& connection, SearchRequest request, int size, Sink& sink) {
  ExtractEnd end;
  Counted counted(sink, end.entries);
  std::string cookie;
  do {
    const auto before = end.entries;
    SearchRequest page = request;
    page.controls.push_back(paged_results(size, cookie));
    end.outcome = co_await connection.search(std::move(page), counted);
    ++end.pages;
    end.why = why_not(end.outcome);
    if (!end.why.empty()) co_return end;
    const auto next = page_cookie(end.outcome);
    if (!next) {
      end.why = "the server did not answer the request for pages";
      co_return end;
    }
    if (!next->empty() && *next == cookie && end.entries == before) {
      end.why = "the server gives the same empty page again and again";
      co_return end;
    }
    cookie = *next;
  } while (!cookie.empty());
  end.complete = true;
  co_return end;
}

}  // namespace

Task<ExtractEnd> extract(Connection& connection, SearchRequest request, int page_size, ExtractSink& sink) {
  sink.start_over();
  if (page_size > 0) co_return co_await in_pages(connection, std::move(request), page_size, sink);
  auto end = co_await in_one(connection, request, sink);
  const bool limited =
      end.outcome.code == Code::size_limit_exceeded || end.outcome.code == Code::admin_limit_exceeded;
  if (!limited) co_return end;
  sink.start_over();
  co_return co_await in_pages(connection, std::move(request), k_page, sink);
}

}  // namespace mirror::ldap
