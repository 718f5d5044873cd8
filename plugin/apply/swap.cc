#include "plugin/apply/swap.h"

#include <utility>

namespace pinscope::apply {

class Swap::Work {
 public:
  Work(const Places& places, const model::Features& features)
      : around(places.around), view(places.view, places.around, features) {
    if (places.values) values.emplace(*places.values, places.around, features);
  }

  Status enter() {
    PINSCOPE_CHECK(view.prepare());
    if (values) PINSCOPE_CHECK(values->prepare());
    PINSCOPE_CHECK(around.process->enter_mount_namespace());
    PINSCOPE_CHECK(view.look_around());
    if (values) PINSCOPE_CHECK(values->look_around());
    return {};
  }

  const Surroundings& around;
  Replacement view;
  std::optional<Replacement> values;  // taken back first
};

Swap::Swap(std::unique_ptr<Work> work) : work_(std::move(work)) {
}
Swap::Swap(Swap&&) noexcept = default;
Swap& Swap::operator=(Swap&&) noexcept = default;
Swap::~Swap() = default;

Result<Swap> Swap::enter(const Places& places, const model::Features& features) {
  auto work = std::make_unique<Work>(places, features);
  PINSCOPE_CHECK(work->enter());
  return Swap(std::move(work));
}

bool Swap::has_old_view() const {
  return work_->view.has_old();
}

int Swap::root() const {
  return work_->view.root();
}

kernel::MountTable Swap::table() const {
  return work_->view.table();
}

Swap::Spare Swap::with_spare() const {
  Spare spare{.view = work_->view.with_spare(), .values = {}};
  if (work_->values) spare.values = work_->values->with_spare();
  return spare;
}

// The values first: they are made of more, so that less has to be taken back if they fail.
Status Swap::put(const Unattached& made) {
  if (work_->values) PINSCOPE_CHECK(work_->values->put(made.values));
  return work_->view.put(made.tree);
}

bool Swap::left_view_beneath() const {
  return work_->view.left_old_beneath();
}

bool Swap::left_values_beneath() const {
  return work_->values && work_->values->left_old_beneath();
}

bool Swap::take_back(const Unattached& made) {
  const bool view = work_->view.take_back(made.instances);
  return (!work_->values || work_->values->take_back(made.instances)) && view;
}

std::vector<std::string> Swap::keep(const Unattached& made) {
  auto left = work_->view.keep(made.tree, made.instances);
  if (!work_->values) return left;
  const auto of_values = work_->values->keep(made.values, made.instances);
  left.insert(left.end(), of_values.begin(), of_values.end());
  return left;
}

}  // namespace pinscope::apply
