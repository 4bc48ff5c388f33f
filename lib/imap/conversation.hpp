// SPDX-License-Identifier: Apache-2.0
#pragma once

// The state of one conversation: which commands are under way, what a response means to them. Pure.
// Commands may be pipelined; replies are kept by tag until asked for, in whatever order they come.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "imap/response.hpp"

namespace mirror::imap {

class Conversation {
 public:
  enum class Meaning { data, reply, go_ahead, bye };

  // A new command: its tag. name is kept for observers.
  std::string start(std::string_view name);
  // The command must wait for "+" before it goes on. At most one at a time.
  void await_go_ahead(std::string_view tag);

  // A tag that was never given or a "+" that nobody waits for is MRD-IMAP-001.
  base::Result<Meaning> accept(const Response& response);

  bool idle() const noexcept { return open_.empty(); }
  std::optional<Reply> take_reply(std::string_view tag);
  bool answered(std::string_view tag) const;
  // True once after "+" came for this tag.
  bool take_go_ahead(std::string_view tag);
  // The name of an open command, or of the one whose reply came last.
  std::string_view name_of(std::string_view tag) const;
  // Said BYE: the words. Expected after LOGOUT, else the end of everything.
  const std::optional<Reply>& bye() const noexcept { return bye_; }

 private:
  struct Open {
    std::string tag;
    std::string name;
  };
  unsigned counter_ = 0;
  std::vector<Open> open_;
  std::map<std::string, Reply, std::less<>> replies_;
  Open last_;
  std::string waits_;    // tag that waits for "+"
  std::string allowed_;  // tag that got it
  std::optional<Reply> bye_;
};

}  // namespace mirror::imap
