// SPDX-License-Identifier: Apache-2.0
#include "db/pool.hpp"

#include <pqxx/pqxx>

#include "base/failure.hpp"
#include "base/fault.hpp"
#include "base/log.hpp"
#include "db/transact_detail.hpp"
#include "net/offload.hpp"

namespace mirror::db {

namespace {

constexpr int k_attempts = 4;

std::unique_ptr<pqxx::connection> open_connection(const PoolSettings& settings) {
  auto connection = std::make_unique<pqxx::connection>(settings.connection);
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
  // A revived connection would have lost its SET state: a lost one is replaced instead.
  connection->inhibit_reactivation(true);
#pragma clang diagnostic pop
  pqxx::nontransaction setup(*connection);
  setup.exec(
      "set application_name = 'mirrord'; set client_encoding = 'UTF8'; set statement_timeout = '60s'; "
      // A process that stands still must not keep a row locked for longer than its lease.
      "set idle_in_transaction_session_timeout = '10s'; set timezone = 'UTC'; "
      // Keys and arrays: one plan serves every value, and planning costs more than most of them take.
      "set plan_cache_mode = force_generic_plan");
  // What a transaction says is what a store is changed by: a server that commits lazily is told not to.
  if (settings.durable && setup.exec1("show synchronous_commit")[0].as<std::string>() == "off")
    setup.exec("set synchronous_commit = on");
  if (!settings.durable) setup.exec("set synchronous_commit = off");
  return connection;
}

bool is_retryable(const pqxx::sql_error& error) {
  return error.sqlstate() == "40001" || error.sqlstate() == "40P01";
}

}  // namespace

struct Pool::State {
  explicit State(PoolSettings given)
      : settings(std::move(given)), lines(settings.workers), offload(settings.workers) {}
  PoolSettings settings;
  struct Line {
    std::unique_ptr<pqxx::connection> connection;
    Prepared prepared;
    void drop() {
      connection.reset();
      prepared.clear();
    }
  };
  std::vector<Line> lines;  // one per worker thread, touched by it alone
  net::Offload offload;

  // `committing` tells, after a throw, whether the COMMIT may have left.
  void run_once(Line& line, Commit commit, const std::function<void(Transaction&)>& work, bool& committing) {
    committing = false;
    if (base::fault_database_gone()) throw pqxx::broken_connection("lost on purpose");
    if (!line.connection) line.connection = open_connection(settings);
    Transaction tx(*line.connection, line.prepared);
    if (commit == Commit::relaxed) tx.exec("set local synchronous_commit = off");
    work(tx);
    committing = true;
    tx.commit();
    if (tx.of_a_pass && base::fault_step({}, "commit") == base::Lost::database)
      throw pqxx::in_doubt_error("lost on purpose");
  }
};

Pool::Pool(PoolSettings settings) : state_(std::make_unique<State>(std::move(settings))) {}
Pool::~Pool() = default;

const PoolSettings& Pool::settings() const noexcept {
  return state_->settings;
}

void Pool::join() {
  state_->offload.join();
}

Task<void> Pool::probe() {
  co_await transact(*this, [](Transaction& tx) { tx.exec("select 1"); });
}

namespace {

base::Failure lost(const std::exception& error) {
  return base::Failure("MRD-DB-001", error.what());
}

// 57P01..03: the server is going down or starting; the connection is of no more use.
bool is_lost(const pqxx::sql_error& error) {
  return error.sqlstate().rfind("57P", 0) == 0;
}

}  // namespace

Task<void> run_transaction(Pool& pool, Commit commit, std::function<void(Transaction&)> work) {
  auto& state = pool.state();
  std::function<void(std::size_t)> on_worker = [&](std::size_t worker) {
    auto& line = state.lines[worker];
    // A connection that idled through a restart of the database is found dead by its next use: once, before
    // any COMMIT, the transaction starts again on a fresh one.
    bool fresh = !line.connection;
    bool committing = false;
    for (int attempt = 1;; ++attempt) {
      try {
        state.run_once(line, commit, work, committing);
        return;
      } catch (const pqxx::in_doubt_error& error) {
        line.drop();
        throw base::Failed(lost(error));
      } catch (const pqxx::transaction_rollback& error) {  // no sql_error in libpqxx 6
        if (!committing && attempt < k_attempts) continue;
        throw base::Failed(base::Failure("MRD-DB-005", error.what()));
      } catch (const pqxx::sql_error& error) {
        if (is_lost(error)) {
          line.drop();
          if (!fresh && !committing) {
            fresh = true;
            continue;
          }
          throw base::Failed(lost(error));
        }
        if (is_retryable(error) && attempt < k_attempts) continue;
        throw base::Failed(
            base::Failure("MRD-DB-005", fmt::format("{} ({})", error.what(), error.sqlstate())));
      } catch (const pqxx::failure& error) {
        line.drop();
        if (!fresh && !committing) {
          fresh = true;
          continue;
        }
        throw base::Failed(lost(error));
      }
    }
  };
  co_await state.offload.run(std::move(on_worker));
}

}  // namespace mirror::db
