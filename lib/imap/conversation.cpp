// SPDX-License-Identifier: Apache-2.0
#include "imap/conversation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "imap/utf7.hpp"

namespace mirror::imap {

using base::Failure;
using base::Result;

std::string Conversation::start(std::string_view name) {
  std::string tag = fmt::format("M{}", ++counter_);
  open_.push_back({tag, std::string(name)});
  return tag;
}

void Conversation::await_go_ahead(std::string_view tag) {
  waits_ = tag;
  allowed_.clear();
}

Result<Conversation::Meaning> Conversation::accept(const Response& response) {
  if (response.kind == Response::Kind::untagged) {
    if (response.name != "BYE") return Meaning::data;
    bye_ = response.reply;
    return Meaning::bye;
  }
  if (response.kind == Response::Kind::go_ahead) {
    if (waits_.empty()) return Failure("MRD-IMAP-001", "\"+\" without a command that waits for it");
    allowed_ = std::exchange(waits_, {});
    return Meaning::go_ahead;
  }
  const auto at =
      std::find_if(open_.begin(), open_.end(), [&](const Open& o) { return o.tag == response.tag; });
  if (at == open_.end())
    return Failure("MRD-IMAP-001", "reply to a tag never sent: " + printable(response.tag, 40));
  if (waits_ == at->tag) waits_.clear();
  last_ = std::move(*at);
  open_.erase(at);
  replies_.insert_or_assign(response.tag, response.reply);
  return Meaning::reply;
}

std::optional<Reply> Conversation::take_reply(std::string_view tag) {
  const auto at = replies_.find(tag);
  if (at == replies_.end()) return std::nullopt;
  Reply reply = std::move(at->second);
  replies_.erase(at);
  return reply;
}

bool Conversation::answered(std::string_view tag) const {
  return replies_.find(tag) != replies_.end();
}

bool Conversation::take_go_ahead(std::string_view tag) {
  if (allowed_ != tag || tag.empty()) return false;
  allowed_.clear();
  return true;
}

std::string_view Conversation::name_of(std::string_view tag) const {
  if (last_.tag == tag) return last_.name;
  const auto at = std::find_if(open_.begin(), open_.end(), [&](const Open& o) { return o.tag == tag; });
  return at == open_.end() ? std::string_view() : std::string_view(at->name);
}

}  // namespace mirror::imap
