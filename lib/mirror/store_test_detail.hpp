// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the steps of a store test share. Private to the room; a test lives in one coroutine.

#include <memory>
#include <utility>

#include "imap/capabilities.hpp"
#include "mirror/store_test.hpp"

namespace mirror::engine {

// What a step found. A failure is thrown as base::Failed or told as "failed"; both end the test.
struct Said {
  std::string outcome;
  std::string detail;
  std::string hint;
};
inline Said ok(std::string detail) {
  return {"ok", std::move(detail), ""};
}
inline Said warning(std::string detail, std::string hint) {
  return {"warning", std::move(detail), std::move(hint)};
}
inline Said skipped(std::string detail, std::string hint = {}) {
  return {"skipped", std::move(detail), std::move(hint)};
}
inline Said failed(const Failure& failure) {
  return {"failed", failure.text(), std::string(failure.next_step())};
}

// A bare connection before any login: lines of text, bounded.
class Dialog {
 public:
  explicit Dialog(std::unique_ptr<net::Stream> stream) : stream_(std::move(stream)) {}
  Task<std::string> line(Millis limit);  // without CRLF
  // Sends one command; the tagged line. Untagged lines go into untagged.
  Task<std::string> ask(std::string words, Millis limit, std::vector<std::string>& untagged);
  net::Stream& stream() { return *stream_; }

 private:
  std::unique_ptr<net::Stream> stream_;
  std::string buffer_;
  int tag_ = 0;
};

struct Testing {
  World& world;
  std::shared_ptr<const Store> store;
  db::StoreSubject subject;
  db::RunId run;
  StoreTest out;
  bool stopped = false;  // a hard failure: what follows is skipped
  std::unique_ptr<Dialog> dialog;
  imap::Capabilities before_login;
  std::unique_ptr<imap::Session> session;  // acting for owner
  db::ProbeMailbox owner;
  std::size_t tried = 0;  // owners tried by the login step
  std::vector<std::pair<std::string, Failure>> refused;
  std::string prefix;  // of the personal namespace
  char delimiter = 0;
  std::string scratch;  // the scratch folder while it exists
  std::string body;     // of the message appended there
  imap::Reply appended;

  bool writable() const { return subject.is_target && !subject.is_source; }
};

using Step = Task<Said> (*)(Testing&);
// Runs one step, timed; skipped after a failure unless always.
Task<void> step(Testing& t, std::string name, Step what, bool always = false);
// A session for an owner, outside the pool: neither the store's state nor anybody's failures are touched.
Task<base::Result<std::unique_ptr<imap::Session>>> open_for(Testing& t, db::ProbeMailbox owner);

// store_probe.cpp: before any login.
Task<void> probe_steps(Testing& t);
// store_scratch.cpp: what writes, on a target alone.
Task<void> scratch_steps(Testing& t);
// store_caps.cpp: session may be null (then what was offered before the login). Pure.
std::vector<CapabilityLine> capability_lines(const Testing& t);

}  // namespace mirror::engine
