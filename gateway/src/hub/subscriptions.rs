//! Which workgroups want which subjects.

use std::sync::Arc;

use crate::few::Few;
use crate::log::subjects::SubjectId;

/// A workgroup's number.
pub(crate) type GroupId = u16;

/// All subscriptions, by subject; a workgroup counts as often as it has subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    by_subject: Vec<Option<Subscribed>>,
    count: usize,
}

/// A subject that somebody subscribed to.
#[derive(Debug)]
pub(crate) struct Subscribed {
    /// As devices spell it.
    pub(crate) name: Arc<str>,
    groups: Few<(GroupId, u32)>,
}

impl Subscribed {
    /// The workgroups that want it.
    pub(crate) fn groups(&self) -> impl Iterator<Item = GroupId> + '_ {
        self.groups.as_slice().iter().map(|(group, _)| *group)
    }
}

impl Subscriptions {
    /// Notes one more subscription of `group`; answers the subject's name.
    pub(crate) fn add(&mut self, subject: SubjectId, group: GroupId, name: &str) -> Arc<str> {
        if self.by_subject.len() <= subject.index() {
            self.by_subject.resize_with(subject.index() + 1, || None);
        }
        self.count += 1;
        let subscribed = self.by_subject[subject.index()].get_or_insert_with(|| Subscribed {
            name: name.into(),
            groups: Few::None,
        });
        match subscribed
            .groups
            .as_mut_slice()
            .iter_mut()
            .find(|(number, _)| *number == group)
        {
            Some((_, count)) => *count += 1,
            None => subscribed.groups.push((group, 1)),
        }
        Arc::clone(&subscribed.name)
    }

    /// Notes that one subscription of `group` ended.
    pub(crate) fn remove(&mut self, subject: SubjectId, group: GroupId) {
        let Some(slot) = self.by_subject.get_mut(subject.index()) else {
            return;
        };
        let Some(subscribed) = slot else { return };
        let groups = &mut subscribed.groups;
        let Some(index) = groups
            .as_slice()
            .iter()
            .position(|(number, _)| *number == group)
        else {
            return;
        };
        self.count -= 1;
        let left = &mut groups.as_mut_slice()[index].1;
        *left -= 1;
        if *left == 0 {
            groups.swap_remove(index);
        }
        if groups.as_slice().is_empty() {
            *slot = None;
        }
    }

    /// Who wants this subject; `None` if nobody does.
    pub(crate) fn of(&self, subject: SubjectId) -> Option<&Subscribed> {
        self.by_subject.get(subject.index())?.as_ref()
    }

    /// All subscriptions of all workgroups.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The subjects that somebody wants.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = SubjectId> + '_ {
        (0u32..)
            .zip(&self.by_subject)
            .filter(|(_, slot)| slot.is_some())
            .map(|(number, _)| SubjectId(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workgroup_wants_a_subject_until_its_last_subscription_ends() {
        let mut subscriptions = Subscriptions::default();
        let subject = SubjectId(7);

        subscriptions.add(subject, 1, "/t/k");
        subscriptions.add(subject, 1, "/t/k");
        subscriptions.add(subject, 2, "/t/k");
        subscriptions.remove(subject, 1);
        assert_eq!(groups(&subscriptions, subject), [1, 2]);

        subscriptions.remove(subject, 1);
        assert_eq!(groups(&subscriptions, subject), [2]);

        subscriptions.remove(subject, 2);
        assert!(subscriptions.of(subject).is_none());
        assert_eq!(subscriptions.count(), 0);
    }

    #[test]
    fn removing_what_was_never_added_changes_nothing() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.add(SubjectId(0), 1, "/t/k");

        subscriptions.remove(SubjectId(0), 2);
        subscriptions.remove(SubjectId(9), 1);

        assert_eq!(subscriptions.count(), 1);
    }

    fn groups(subscriptions: &Subscriptions, subject: SubjectId) -> Vec<GroupId> {
        subscriptions
            .of(subject)
            .map(|subscribed| subscribed.groups().collect())
            .unwrap_or_default()
    }
}
