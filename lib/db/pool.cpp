// SPDX-License-Identifier: Apache-2.0
#include "db/pool.hpp"

#include <pqxx/pqxx>

#include "base/failure.hpp"
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
      "set idle_in_transaction_session_timeout = '60s'; set timezone = 'UTC'");
  if (!settings.durable) setup.exec("set synchronous_commit = off");
  return connection;
}

bool is_retryable(const pqxx::sql_error& error) {
  return error.sqlstate() == "40001" || error.sqlstate() == "40P01";
}

}  // namespace

struct Pool::State {
  explicit State(PoolSettings given)
      : settings(std::move(given)), connections(settings.workers), offload(settings.workers) {}
  PoolSettings settings;
  std::vector<std::unique_ptr<pqxx::connection>> connections;  // one per worker thread, touched by it alone
  net::Offload offload;

  void run_once(std::size_t worker, const std::function<void(pqxx::work&)>& work) {
    auto& connection = connections[worker];
    if (!connection) connection = open_connection(settings);
    pqxx::work tx(*connection);
    work(tx);
    tx.commit();
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
  co_await transact(*this, [](pqxx::work& tx) { tx.exec("select 1"); });
}

Task<void> run_transaction(Pool& pool, std::function<void(pqxx::work&)> work) {
  auto& state = pool.state();
  std::function<void(std::size_t)> on_worker = [&](std::size_t worker) {
    for (int attempt = 1;; ++attempt) {
      try {
        state.run_once(worker, work);
        return;
      } catch (const pqxx::in_doubt_error& error) {
        state.connections[worker].reset();
        throw base::Failed(base::Failure("MRD-DB-001", error.what()));
      } catch (const pqxx::broken_connection& error) {
        state.connections[worker].reset();
        throw base::Failed(base::Failure("MRD-DB-001", error.what()));
      } catch (const pqxx::sql_error& error) {
        // 57P01..03: the server is going down or starting; the connection is of no more use.
        if (error.sqlstate().rfind("57P", 0) == 0) {
          state.connections[worker].reset();
          throw base::Failed(base::Failure("MRD-DB-001", error.what()));
        }
        if (is_retryable(error) && attempt < k_attempts) continue;
        throw base::Failed(
            base::Failure("MRD-DB-005", fmt::format("{} ({})", error.what(), error.sqlstate())));
      } catch (const pqxx::failure& error) {
        state.connections[worker].reset();
        throw base::Failed(base::Failure("MRD-DB-001", error.what()));
      }
    }
  };
  co_await state.offload.run(std::move(on_worker));
}

}  // namespace mirror::db
