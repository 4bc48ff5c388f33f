// SPDX-License-Identifier: Apache-2.0
#include "imap/fetch_parser.hpp"
#include "imap/session_detail.hpp"

namespace mirror::imap {

namespace {
constexpr std::size_t k_window = 4;
}

// What one fetch_bodies call knows while responses pass.
struct SessionImpl::Bodies {
  const UidSet& wanted;
  BodySink& sink;
  UidSet given{};              // begun or said to be gone
  std::vector<Uid> late{};     // the UID came behind the literal, when the octets had passed
  std::optional<Uid> alone{};  // asked for singly: the UID need not be named before the literal
  bool passing = false;

  bool due(std::optional<Uid> uid) const { return uid && wanted.contains(*uid) && !given.contains(*uid); }
};

Task<Reply> SessionImpl::fetch_bodies(UidSet uids, BodySink& sink) {
  Turn turn(*this);
  Bodies bodies{.wanted = uids, .sink = sink};
  Reply reply = co_await fetch_body_sets(uids.texts(k_longest_set), bodies);
  const std::vector<Uid> late = std::exchange(bodies.late, {});
  for (const Uid uid : late) {
    if (!reply.ok()) break;
    if (bodies.given.contains(uid)) continue;
    bodies.alone = uid;
    const std::vector<std::string> single{UidSet::range(uid, uid).text()};
    reply = co_await fetch_body_sets(single, bodies);
  }
  turn.done();
  co_return reply;
}

Task<Reply> SessionImpl::fetch_body_sets(const std::vector<std::string>& sets, Bodies& bodies) {
  Reply worst;
  std::deque<std::string> tags;
  std::size_t sent = 0;
  while (sent < sets.size() || !tags.empty()) {
    if (sent < sets.size() && tags.size() < k_window) {
      tags.push_back(co_await wire_->send(command("UID FETCH").text(sets[sent++]).text("(UID BODY.PEEK[])")));
      continue;
    }
    while (!wire_->answered(tags.front())) {
      ResponseEvent event = co_await wire_->next_event();
      co_await pass_body(bodies, std::move(event));
    }
    Reply reply = co_await wire_->reply(tags.front());
    tags.pop_front();
    if (worst.ok()) worst = std::move(reply);
  }
  co_return worst;
}

Task<void> SessionImpl::pass_body(Bodies& bodies, ResponseEvent event) {
  if (const auto* chunk = std::get_if<BodyChunk>(&event)) {
    if (bodies.passing) co_await bodies.sink.chunk(chunk->octets);
    co_return;
  }
  if (const auto* begin = std::get_if<BodyBegin>(&event)) {
    const auto uid = begin->uid ? begin->uid : bodies.alone;
    bodies.passing = bodies.due(uid);
    if (!bodies.passing) co_return;
    bodies.given.add(*uid);
    co_await bodies.sink.begin(*uid, begin->length);
    co_return;
  }
  if (std::holds_alternative<BodyEnd>(event)) {
    if (std::exchange(bodies.passing, false)) co_await bodies.sink.end();
    co_return;
  }
  const auto& response = std::get<Response>(event);
  if (response.kind != Response::Kind::untagged || response.name != "FETCH") co_return;
  const auto data = parse_fetch(response);
  if (data.has_error()) throw base::Failed(data.error());
  if (!data->has_body) co_return;
  const auto named = data->message.uid;
  const auto uid = named ? named : bodies.alone;
  if (data->body_streamed) {
    if (bodies.alone && named && *named != *bodies.alone)
      throw_failed("MRD-IMAP-006",
                   wire_->access().store + ": UID FETCH: the body of another message than the one asked for");
    if (bodies.due(uid)) bodies.late.push_back(*uid);
    co_return;
  }
  if (!bodies.due(uid)) co_return;
  bodies.given.add(*uid);
  if (!data->body) {
    co_await bodies.sink.gone(*uid);
    co_return;
  }
  co_await bodies.sink.begin(*uid, data->body->size());
  if (!data->body->empty()) co_await bodies.sink.chunk(*data->body);
  co_await bodies.sink.end();
}

}  // namespace mirror::imap
