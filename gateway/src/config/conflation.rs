//! Which subjects are conflated, and how much.

use std::time::Duration;

use gateway_protocol::subject::{Key, Subject};
use toml::Spanned;

use super::section::Section;

/// Longer than anybody calls an update.
const LONGEST: Duration = Duration::from_secs(3600);

/// One `[[conflation]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflation {
    /// The subjects: `/topic/*` is every key of the topic, each for itself.
    pub(crate) subjects: Subject,
    /// At most one update of each subject in this time.
    pub(crate) interval: Duration,
}

/// All of them; topics that are not carried and subjects named twice are refused.
pub(super) fn read_all(file: &mut Section<'_, '_>, topics: Option<&[String]>) -> Vec<Conflation> {
    let mut all: Vec<Conflation> = Vec::new();
    for section in file.sections("conflation") {
        let read = read(section, topics, &all);
        all.extend(read);
    }
    all
}

fn read(
    mut section: Section<'_, '_>,
    topics: Option<&[String]>,
    earlier: &[Conflation],
) -> Option<Conflation> {
    let subjects = section.required::<String>("subjects", "write subjects = \"/telemetry/*\"");
    let interval = section.required::<Duration>("interval", "write interval = \"200ms\"");
    if let Some(interval) = &interval
        && (interval.get_ref().is_zero() || *interval.get_ref() > LONGEST)
    {
        section.complain(
            interval.span(),
            format!("updates cannot be {:?} apart", interval.get_ref()),
            "write \"1ms\" to \"1h\"; delete the [[conflation]] to send every record",
        );
    }
    let subjects = subjects.and_then(|typed| read_subjects(&section, &typed, topics, earlier));
    section.finish();
    Some(Conflation {
        subjects: subjects?,
        interval: interval?.into_inner(),
    })
}

fn read_subjects(
    section: &Section<'_, '_>,
    typed: &Spanned<String>,
    topics: Option<&[String]>,
    earlier: &[Conflation],
) -> Option<Subject> {
    let text = typed.get_ref();
    let complain = |what: String, remedy: &str| section.complain(typed.span(), what, remedy);
    let subject = match Subject::parse(text) {
        Ok(subject) => subject,
        Err(error) => {
            let remedy = "write \"/topic/*\" for every key of a topic, or \"/topic/key\"";
            complain(format!("{text:?} names no subjects: {error}"), remedy);
            return None;
        }
    };
    if topics.is_some_and(|topics| !topics.contains(&subject.topic)) {
        let what = format!("the topic `{}` is not carried", subject.topic);
        complain(what, "name one of kafka.topics, or add it there");
    }
    if earlier.iter().any(|other| other.subjects == subject) {
        complain(format!("{text} is conflated twice"), "keep one of the two");
    }
    Some(subject)
}

impl Conflation {
    /// The key, if it is one.
    pub(crate) fn key(&self) -> Option<&[u8]> {
        match &self.subjects.key {
            Key::Exact(key) => Some(key),
            Key::Every => None,
        }
    }
}
