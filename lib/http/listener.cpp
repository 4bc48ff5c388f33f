// SPDX-License-Identifier: Apache-2.0
#include "http/listener.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/failure.hpp"
#include "base/log.hpp"

namespace mirror::http {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;

namespace {

std::optional<gid_t> group_id(const std::string& name) {
  if (name.empty()) return std::nullopt;
  std::vector<char> buffer(1 << 16);
  group entry{};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return found->gr_gid;
}

std::string user_name(uid_t uid) {
  std::vector<char> buffer(1 << 16);
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return fmt::format("uid {}", uid);
  return found->pw_name;
}

// The caller's groups as the kernel knows them at connect time: no look-up that could block.
std::vector<gid_t> peer_groups(int fd) {
#ifdef SO_PEERGROUPS
  std::vector<gid_t> groups(64);
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const int result = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length);
    if (result != 0 && errno != ERANGE) return {};
    groups.resize(length / sizeof(gid_t));
    if (result == 0) return groups;
  }
#endif
  return {};
}

class UnixListener final : public Listener {
 public:
  UnixListener(asio::any_io_executor executor, const Settings& settings)
      : path_(settings.socket_path),
        acceptor_(executor),
        group_(group_id(settings.group)),
        extra_gid_(settings.allowed_gid) {
    refuse_if_answered();
    ::unlink(path_.c_str());
    open();
  }
  ~UnixListener() override {
    // Only our own file: another daemon may have replaced it meanwhile.
    struct stat now{};
    if (::stat(path_.c_str(), &now) == 0 && now.st_ino == inode_) ::unlink(path_.c_str());
  }

  net::Task<Accepted> accept() override {
    Local::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
    Caller caller = identify(socket.native_handle());
    co_return Accepted{asio::generic::stream_protocol::socket(std::move(socket)), std::move(caller)};
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw base::Failed(base::Failure("MRD-CONF-008", fmt::format("{}: {}", path_, why)));
  }

  void refuse_if_answered() const {
    if (path_.size() >= sizeof(sockaddr_un::sun_path)) fail("the path is too long for a unix socket");
    asio::io_context context;
    Local::socket probe(context);
    boost::system::error_code error;
    probe.connect(Local::endpoint(path_), error);
    if (!error) fail("another process answers on it");
  }

  void open() {
    try {
      acceptor_.open(Local());
      // Nobody may connect between bind and chmod.
      const mode_t before = ::umask(0177);
      boost::system::error_code error;
      acceptor_.bind(Local::endpoint(path_), error);
      ::umask(before);
      if (error) fail(error.message());
      if (group_ && ::chown(path_.c_str(), static_cast<uid_t>(-1), *group_) != 0)
        base::log::warning("http.group", "the socket could not be given to its group", {{"path", path_}});
      if (::chmod(path_.c_str(), 0660) != 0) fail("chmod failed");
      struct stat now{};
      if (::stat(path_.c_str(), &now) == 0) inode_ = now.st_ino;
      acceptor_.listen();
    } catch (const boost::system::system_error& error) {
      fail(error.code().message());
    }
  }

  Caller identify(int fd) {
    Caller caller;
    ucred credentials{};
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return caller;
    caller.uid = credentials.uid;
    auto& name = names_[credentials.uid];
    if (name.empty()) name = "unix:" + user_name(credentials.uid);
    caller.name = name;
    caller.allowed = credentials.uid == 0 || credentials.uid == ::geteuid() || in_group(credentials.gid);
    if (!caller.allowed)
      for (const gid_t gid : peer_groups(fd)) caller.allowed = caller.allowed || in_group(gid);
    return caller;
  }

  bool in_group(gid_t gid) const { return (group_ && *group_ == gid) || (extra_gid_ && *extra_gid_ == gid); }

  std::string path_;
  Local::acceptor acceptor_;
  std::optional<gid_t> group_;
  std::optional<std::uint32_t> extra_gid_;
  std::map<uid_t, std::string> names_;
  ino_t inode_ = 0;
};

}  // namespace

std::unique_ptr<Listener> make_unix_listener(asio::any_io_executor executor, const Settings& settings) {
  return std::make_unique<UnixListener>(std::move(executor), settings);
}

}  // namespace mirror::http
