// SPDX-License-Identifier: Apache-2.0
#pragma once

// The session behind session.hpp. For the room alone. Each family of commands has a source of its own:
// session_open, session_folders, session_select, session_fetch, session_bodies, session_store, session_watch,
// append_stream.

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "imap/capabilities.hpp"
#include "imap/connection_detail.hpp"
#include "imap/session.hpp"

namespace mirror::imap {

class SessionImpl final : public Session {
 public:
  SessionImpl(Access access, std::unique_ptr<net::Stream> stream);
  ~SessionImpl() override;

  // Greeting to ENABLE on a connected stream. Lost and mute peers throw.
  Task<base::Result<void>> establish(std::string owner, base::SecretText own_password);

  bool usable() const noexcept override { return wire_->usable(); }
  bool has(Cap cap) const noexcept override;
  bool offers(Cap cap) const noexcept override { return capabilities_.offers(cap); }
  std::string capability_text() const override { return capabilities_.text(); }
  std::optional<std::uint64_t> append_limit() const override { return capabilities_.append_limit(); }
  const net::PeerInfo& peer() const noexcept override { return wire_->stream().peer(); }
  std::uint64_t octets_in() const noexcept override { return wire_->stream().octets_in(); }
  std::uint64_t octets_out() const noexcept override { return wire_->stream().octets_out(); }
  std::uint64_t round_trips() const noexcept override { return wire_->round_trips(); }

  Task<void> logout() override;
  void close() noexcept override { wire_->close(); }
  Task<Reply> noop() override;
  Task<base::Result<std::vector<std::pair<std::string, std::string>>>> id() override;
  Task<std::pair<std::string, char>> personal_namespace() override;
  Task<base::Result<std::string>> my_rights(std::string folder) override;

  Task<base::Result<std::vector<Folder>>> list(bool with_status) override;
  Task<base::Result<FolderStatus>> status(std::string folder) override;
  Task<Reply> create(std::string folder, std::string special_use) override;
  Task<Reply> remove(std::string folder) override;
  Task<Reply> rename(std::string from, std::string to) override;
  Task<Reply> subscribe(std::string folder, bool wanted) override;

  Task<base::Result<Selected>> select(std::string folder, bool read_only,
                                      std::optional<QresyncPoint> point) override;
  Task<void> unselect() override;
  const std::string& selected() const noexcept override { return selected_; }

  Task<Reply> fetch(UidSet uids, FetchWhat what, std::function<void(const MessageData&)> each) override;
  Task<base::Result<UidSet>> search_all() override;
  Task<Reply> fetch_bodies(UidSet uids, BodySink& sink) override;

  Task<std::vector<Reply>> store(std::vector<FlagChange> changes) override;
  Task<Reply> expunge(UidSet uids) override;
  std::unique_ptr<AppendStream> append(std::string folder, std::size_t expected, bool allow_multi) override;

  Task<Reply> notify() override;
  Task<std::vector<WatchEvent>> next_events(std::chrono::milliseconds limit) override;
  Task<Reply> idle_start() override;
  Task<Reply> idle_stop() override;

 private:
  // Marks one public call. Left by an exception or a cancellation, the conversation is in nobody's hands any
  // more: the connection is closed.
  class Turn {
   public:
    explicit Turn(SessionImpl& session);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    void done() noexcept { done_ = true; }

   private:
    SessionImpl& session_;
    bool done_ = false;
  };

  Command command(std::string name) const { return Command(std::move(name), wire_->literals); }
  std::string wire_name(const std::string& folder) const;
  void notice(const Response& response);  // what holds whoever asked
  void take_capabilities(std::string_view text);
  bool capabilities_fresh_ = false;
  Task<Reply> simple(Command command);  // one command, its reply, nothing else

  // session_open
  Task<base::Result<void>> greet();
  Task<base::Result<void>> start_tls();
  Task<void> ask_capabilities();
  Task<base::Result<Reply>> log_in(std::string owner, base::SecretText own_password);
  Task<base::Result<Reply>> log_in_as(std::string user, base::SecretText password);
  Task<base::Result<Reply>> authenticate(Cap mechanism, std::string initial);
  Task<base::Result<Reply>> authenticate_scram(std::string owner);
  Task<void> enable();

  // session_folders
  std::string status_items() const;
  Task<base::Result<std::vector<Folder>>> list_extended(bool with_status);
  Task<base::Result<std::vector<Folder>>> list_plain(bool with_status);
  Task<void> add_statuses(std::vector<Folder>& folders);
  void remember_names(const std::vector<Folder>& folders);

  // session_select
  Task<Reply> run_select(const std::string& folder, bool read_only, const std::optional<QresyncPoint>& point,
                         Selected& into);
  // session_fetch, session_bodies
  Task<Reply> run_sets(const std::string& name, const UidSet& uids, const std::string& arguments);
  struct Bodies;
  Task<void> pass_body(Bodies& bodies, ResponseEvent event);
  Task<Reply> fetch_body_sets(const std::vector<std::string>& sets, Bodies& bodies);
  // session_store
  Task<base::Result<UidSet>> search(std::string keys);
  Task<Reply> store_one(const UidSet& uids, const std::string& item, const FlagSet& flags);
  Task<Reply> expunge_without_uids(const UidSet& uids);
  // session_watch
  void notice_event(const Response& response);
  void push_event(WatchEvent event);

  std::shared_ptr<Connection> wire_;
  Capabilities capabilities_;
  std::set<Cap> enabled_;   // confirmed by ENABLED
  std::set<Cap> enabling_;  // asked for; the answer rides with the next command's
  std::string enable_tag_;
  std::string selected_;
  std::set<std::string> raw_names_;
  bool in_turn_ = false;

  bool notifying_ = false;
  std::string idle_tag_;
  std::deque<WatchEvent> events_;
  bool listing_ = false;  // LIST and STATUS data are first the answer to our own question
  std::map<std::string, int> answered_;
};

// Session::open on a stream that is already connected.
Task<base::Result<std::unique_ptr<Session>>> open_on(Access access, std::unique_ptr<net::Stream> stream,
                                                     std::string owner, base::SecretText own_password = {});

// The window's stream lives as long as it needs the connection, not the session.
std::unique_ptr<AppendStream> make_append_stream(std::shared_ptr<Connection> wire, std::string wire_folder,
                                                 std::size_t expected, bool multi);

}  // namespace mirror::imap
