//! Whether the agents and tags of a change exist.

use crate::chat::{DeskPatch, Names};
use crate::current_names::CurrentNames;
use crate::http::problem::Problem;

/// Refuses agents and tags that do not exist. Those that are not known may have been added a moment
/// ago, on another node.
pub(crate) async fn check_desk(names: &CurrentNames, patch: &DeskPatch) -> Result<(), Problem> {
    if check_ids(patch, &names.now()).is_ok() {
        return Ok(());
    }
    names.refresh().await?;
    check_ids(patch, &names.now())
}

fn check_ids(patch: &DeskPatch, names: &Names) -> Result<(), Problem> {
    let assignee = patch.assignee.flatten();
    if assignee.is_some_and(|id| !names.may_be_assigned(id)) {
        return Err(Problem::invalid_field(
            "assignee",
            "must be the id of an agent who is not disabled",
        ));
    }
    let mut tags = patch.tags.iter().flatten();
    match tags.find(|id| !names.has_tag(**id)) {
        Some(id) => Err(Problem::invalid_field(
            "tags",
            format!("there is no tag {id}"),
        )),
        None => Ok(()),
    }
}
