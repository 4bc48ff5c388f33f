// SPDX-License-Identifier: Apache-2.0
#include "mirror/stream_source.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "base/fault.hpp"
#include "base/log.hpp"
#include "db/store_subject.hpp"
#include "net/backoff.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

namespace json = boost::json;
namespace log = base::log;

constexpr std::size_t k_longest_line = std::size_t{16} << 10;
constexpr std::string_view k_kinds[] = {"login", "deposit", "flag", "deletion", "greeting", "folder"};

std::string text_member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::shared_ptr<const Store> store_named(const World& world, const std::string& name) {
  for (const auto& store : world.book.all())
    if (store->record.name == name) return store;
  return nullptr;
}

// One connection's life.
class Stream {
 public:
  Stream(World& world, const StreamSettings& settings, StoreEvents& events,
         std::shared_ptr<const Store> store)
      : world_(world), settings_(settings), events_(events), store_(std::move(store)) {}

  Task<void> run(bool& spoke) {
    const std::string key = "stream/" + settings_.store;
    auto done = co_await db::load_position(world_.pool, key);
    wire_ = co_await net::connect(settings_.endpoint, settings_.connect_limit);
    co_await wire_->write(fmt::format("resume {}\n", done.value_or(0)));
    // Nothing is known of the time before the first event we were ever told.
    if (!done) co_await events_.mark_gap(store_->record.id);
    std::int64_t last = done.value_or(0);
    for (;;) {
      base::fault_throw("stream");
      co_await read();
      const auto reached = co_await take_lines(last);
      if (reached == last) continue;
      co_await events_.flush();
      co_await db::save_position(world_.pool, key, reached);
      last = reached;
      spoke = true;
      co_await wire_->write(fmt::format("ack {}\n", last));
    }
  }

 private:
  Task<void> read() {
    if (buffer_.size() > k_longest_line)
      throw base::Failed(Failure("MRD-IMAP-005", settings_.store + ": event stream"));
    std::array<char, std::size_t{16} << 10> piece{};
    const auto got = co_await net::with_timeout(wire_->read_some(piece), settings_.silence,
                                                "event stream of " + settings_.store);
    if (got == 0) throw base::Failed(Failure("MRD-NET-003", settings_.store + ": event stream"));
    buffer_.append(piece.data(), got);
  }

  // Every whole line there is; the sequence number they end at.
  Task<std::int64_t> take_lines(std::int64_t last) {
    for (auto end = buffer_.find('\n'); end != std::string::npos; end = buffer_.find('\n')) {
      const std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      const auto told = parse_stream_event(line);
      if (!told)
        throw base::Failed(Failure("MRD-IMAP-001", settings_.store + ": no event: " + line.substr(0, 80)));
      if (told->sequence <= last) continue;  // again, after a crash or a lost acknowledgement
      // A number left out is an event lost, whether they say so or not.
      if (told->gap || (last != 0 && told->sequence != last + 1))
        co_await events_.mark_gap(store_->record.id);
      if (!told->gap) events_.take(*store_, told->event);
      last = told->sequence;
    }
    co_return last;
  }

  World& world_;
  const StreamSettings& settings_;
  StoreEvents& events_;
  std::shared_ptr<const Store> store_;
  std::unique_ptr<net::Stream> wire_;
  std::string buffer_;
};

}  // namespace

std::optional<StreamEvent> parse_stream_event(std::string_view line) {
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(line.data(), line.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  const auto& object = value.get_object();
  const auto* sequence = object.if_contains("seq");
  if (sequence == nullptr || !sequence->is_int64() || sequence->get_int64() <= 0) return std::nullopt;
  StreamEvent out;
  out.sequence = sequence->get_int64();
  const auto* gap = object.if_contains("gap");
  out.gap = gap != nullptr && gap->is_bool() && gap->get_bool();
  out.event.user = text_member(object, "user");
  out.event.kind = text_member(object, "kind");
  if (std::find(std::begin(k_kinds), std::end(k_kinds), out.event.kind) == std::end(k_kinds))
    out.event.kind = "other";
  out.event.impact = out.event.kind != "other" && out.event.kind != "login";
  const std::string folder = text_member(object, "folder");
  if (!folder.empty()) out.event.folders.push_back(folder);
  return out;
}

Task<void> run_stream(World& world, StreamSettings settings) {
  const auto executor = co_await net::asio::this_coro::executor;
  StoreEvents events(world, executor);
  net::Backoff backoff(settings.first_pause, settings.longest_pause,
                       std::hash<std::string>()(settings.store));
  for (;;) {
    bool spoke = false;
    std::string error = "no such store";
    if (const auto store = store_named(world, settings.store)) try {
        Stream stream(world, settings, events, store);
        co_await stream.run(spoke);
      } catch (const base::Failed& failed) {
        if (failed.failure().scope() == base::Scope::process) throw;
        error = failed.failure().text();
      }
    if (spoke) backoff.reset();
    log::info("stream.lost", "an event stream ended", {{"store", settings.store}, {"err", error}});
    co_await net::sleep_for(backoff.next());
  }
}

}  // namespace mirror::engine
