// SPDX-License-Identifier: Apache-2.0
#pragma once

// One consistent picture of the whole site, and the figures of the metrics page. Figures do not flatter (law
// 14): quarantined, held, foreign and unknown are counted apart; a count nobody could have made is "unknown".

#include "db/faces.hpp"

namespace mirror::db {

// site, rpo, counts, links, stores, nodes, runs, events, problems; see docs/openapi.yaml.
Task<Json> show_status(Pool& pool);
// {"gauges": [{"name", "labels": {..}, "value"}], ...} for http/metrics: names of interfaces 3.4 that the
// tables know.
Task<Json> metric_rows(Pool& pool);
Task<Json> list_services(Pool& pool);
// Every node's service of that name is asked to restart; Refused not_found when none has it.
Task<Json> restart_service(Pool& pool, std::string name, Actor actor);

}  // namespace mirror::db
