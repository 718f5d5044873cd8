// Which of the records are this start's, those of an earlier start, or another container's: an id
// is unique in one root of one runtime only, and for one start at a time.
#pragma once

#include <optional>
#include <string>

#include "plugin/base/result.h"
#include "plugin/kernel/process/process.h"
#include "plugin/model/record.h"
#include "plugin/oci/state.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/record/store.h"

namespace pinscope {

// Writes the intent of a start. Nothing if its very process has its view already: some runtimes run
// a hook twice, and the second time there is nothing to do. kRecordConflict: a container of this id
// and bundle runs, and nothing shows that this is another one.
Result<std::optional<record::Store::Held>> begin_record(const record::Store& records,
                                                        const model::Record& record);

// Removes the record of this process, if it has one.
void forget_start(const record::Store& records, const std::string& id,
                  const kernel::ContainerProcess& process);

// poststop: removes the records of this container, each with a line in the audit trail. Those whose
// process runs stay.
Status forget_stopped(const record::Store& records, const oci::State& stopped, RunLog& log);

}  // namespace pinscope
