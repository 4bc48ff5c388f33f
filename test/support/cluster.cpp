// SPDX-License-Identifier: Apache-2.0
#include "support/cluster.hpp"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace mirror::test {

namespace fs = std::filesystem;

namespace {

fs::path server_programs() {
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql"))
    if (fs::exists(entry.path() / "bin" / "initdb")) return entry.path() / "bin";
  throw std::runtime_error("PostgreSQL's server is not installed");
}

std::string user_name() {
  const passwd* entry = getpwuid(geteuid());
  return entry == nullptr ? "root" : entry->pw_name;
}

// Starts a program as postgres when we are root, with output into a file.
pid_t spawn(const std::vector<std::string>& words, const fs::path& log) {
  const passwd* postgres = geteuid() == 0 ? getpwnam("postgres") : nullptr;
  if (geteuid() == 0 && postgres == nullptr) throw std::runtime_error("there is no user postgres");
  const pid_t pid = fork();
  if (pid != 0) return pid;
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  if (postgres != nullptr && (initgroups("postgres", postgres->pw_gid) != 0 ||
                              setgid(postgres->pw_gid) != 0 || setuid(postgres->pw_uid) != 0))
    _exit(126);
  if (chdir("/") != 0) _exit(126);
  clearenv();
  setenv("LC_ALL", "C.UTF-8", 1);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string execute(const std::string& connection, const std::string& sql) {
  PGconn* link = PQconnectdb(connection.c_str());
  PGresult* result = PQstatus(link) == CONNECTION_OK ? PQexec(link, sql.c_str()) : nullptr;
  const auto status = result == nullptr ? PGRES_FATAL_ERROR : PQresultStatus(result);
  std::string value, error;
  if (status == PGRES_TUPLES_OK && PQntuples(result) > 0) value = PQgetvalue(result, 0, 0);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) error = PQerrorMessage(link);
  PQclear(result);
  PQfinish(link);
  if (!error.empty()) throw std::runtime_error(error + "in: " + sql.substr(0, 200));
  return value;
}

}  // namespace

struct Cluster::State {
  fs::path root, data, sockets, log;
  pid_t pid = -1;
  int databases = 0;

  std::string admin(const std::string& database) const {
    return "host=" + sockets.string() + " user=postgres dbname=" + database;
  }
  void create();
  void start();
  void stop();
};

void Cluster::State::create() {
  char pattern[] = "/tmp/mm-pg-XXXXXX";  // short: a socket's path has at most 107 octets
  if (mkdtemp(pattern) == nullptr) throw std::runtime_error("no temporary directory");
  root = pattern;
  data = root / "data";
  sockets = root / "s";
  log = root / "log";
  fs::create_directory(sockets);
  std::ofstream(log).close();
  fs::permissions(root, fs::perms::all);
  fs::permissions(sockets, fs::perms::all);
  fs::permissions(log, fs::perms::all);
  const pid_t made = spawn({(server_programs() / "initdb").string(), "-D", data.string(), "-A", "peer", "-E",
                            "UTF8", "-N", "--locale=C.UTF-8", "-U", "postgres"},
                           log);
  int status = 0;
  waitpid(made, &status, 0);
  if (status != 0) throw std::runtime_error("initdb failed: " + text_of(log));
  std::ofstream(data / "postgresql.conf", std::ios::app)
      << "listen_addresses = ''\nunix_socket_directories = '" << sockets.string()
      << "'\nfsync = off\nfull_page_writes = off\njit = off\nshared_buffers = 16MB\nmax_connections = 40\n";
  std::ofstream(data / "pg_hba.conf") << "local all all peer map=t\n";
  std::ofstream(data / "pg_ident.conf")
      << "t " << user_name() << " postgres\nt " << user_name() << " mirrord\nt postgres postgres\n";
}

void Cluster::State::start() {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < until) {
    if (pid < 0) pid = spawn({(server_programs() / "postgres").string(), "-D", data.string()}, log);
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid) pid = -1;  // an old lock may live on for a moment
    if (pid > 0 && PQping(admin("postgres").c_str()) == PQPING_OK) return;
  }
  throw std::runtime_error("PostgreSQL did not start: " + text_of(log));
}

void Cluster::State::stop() {
  if (pid < 0) return;
  kill(pid, SIGINT);  // fast stop: does not wait for clients
  int status = 0;
  waitpid(pid, &status, 0);
  pid = -1;
}

Cluster::Cluster() : state_(std::make_unique<State>()) {
  state_->create();
  state_->start();
  execute(state_->admin("postgres"), "create role mirrord login nosuperuser nocreatedb nocreaterole");
}

Cluster::~Cluster() {
  state_->stop();
  std::error_code ignored;
  fs::remove_all(state_->root, ignored);
}

Cluster& Cluster::shared() {
  static Cluster cluster;
  return cluster;
}

std::string Cluster::fresh_database() {
  const std::string name = "t" + std::to_string(++state_->databases);
  execute(state_->admin("postgres"), "create database " + name + " owner mirrord");
  const std::string connection = "host=" + state_->sockets.string() + " user=mirrord dbname=" + name;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(MIRROR_TEST_SCHEMA)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) execute(connection, text_of(file));
  return connection;
}

std::string Cluster::query(const std::string& connection, const std::string& sql) {
  return execute(connection, sql);
}

void Cluster::restart() {
  state_->stop();
  state_->start();
}

}  // namespace mirror::test
