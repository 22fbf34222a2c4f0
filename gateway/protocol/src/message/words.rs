//! Closed lists of words, each with its spelling on the wire.

/// Declares an enum whose variants are words on the wire.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every word of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The spelling on the wire, and in metric labels.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The variant with this spelling.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// Why a message reaches a device.
    Kind {
        /// The subject's last value, sent when a subscription begins anew.
        Snapshot = "snapshot",
        /// A record that was just written.
        Update = "update",
        /// A record from the cache: missed while away, or asked for with `history`.
        Recovered = "recovered",
    }
}

words! {
    /// Why a device could not be given exactly what it missed.
    ResyncReason {
        /// The cache held the position once, but has dropped messages after it.
        HistoryEvicted = "history-evicted",
        /// The position is older than what the gateway has read.
        HistoryNotLoaded = "history-not-loaded",
        /// The position is in a history that did not last: an unclean election, or a topic deleted and created again.
        Diverged = "diverged",
        /// A reason of a newer gateway. Never sent.
        Other = "other",
    }
}

words! {
    /// Why a connection was not given some messages.
    DropReason {
        /// A newer message of the same subject took their place.
        Conflated = "conflated",
        /// The connection's queue was full, and the oldest leave first.
        QueueFull = "queue-full",
        /// A reason of a newer gateway. Never sent.
        Other = "other",
    }
}

words! {
    /// What was wrong with a request, or what kept the gateway from serving it.
    ErrorCode {
        /// The text is no JSON object.
        BadJson = "bad-json",
        /// The frame is binary, or too large.
        BadFrame = "bad-frame",
        /// The gateway has no such op.
        UnknownOp = "unknown-op",
        /// The op has no such field.
        UnknownField = "unknown-field",
        /// A field that the op needs is not there.
        MissingField = "missing-field",
        /// A field's value has the wrong type or is out of bounds.
        BadField = "bad-field",
        /// The subject is spelled wrong, or a wildcard where one key is due.
        BadSubject = "bad-subject",
        /// The gateway does not carry this topic.
        UnknownTopic = "unknown-topic",
        /// There is no such subscription to end.
        NotSubscribed = "not-subscribed",
        /// The connection holds as many subscriptions as it may.
        TooManySubscriptions = "too-many-subscriptions",
        /// The device may not do this.
        NotAllowed = "not-allowed",
        /// The record is larger than Kafka or the gateway takes.
        RecordTooLarge = "record-too-large",
        /// Kafka refused the record for good. It is not in the log.
        PublishRefused = "publish-refused",
        /// Kafka did not say in time whether it has the record. Send it again with the same `publish_id`.
        PublishUnconfirmed = "publish-unconfirmed",
        /// Kafka is out of reach. The record is not in the log. Send it again later.
        KafkaUnavailable = "kafka-unavailable",
        /// Too much is outstanding. Send it again later.
        Overloaded = "overloaded",
        /// The gateway is leaving. Send it again to another.
        Draining = "draining",
        /// A code of a newer gateway. Never sent.
        Other = "other",
    }
}

impl ErrorCode {
    /// Whether the same request may succeed later, here or on another gateway.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::PublishUnconfirmed | Self::KafkaUnavailable | Self::Overloaded | Self::Draining
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_written() {
        assert!(
            ErrorCode::ALL
                .iter()
                .all(|code| ErrorCode::from_word(code.word()) == Some(*code))
        );
        assert!(
            DropReason::ALL
                .iter()
                .all(|reason| DropReason::from_word(reason.word()) == Some(*reason))
        );
        assert!(
            ResyncReason::ALL
                .iter()
                .all(|reason| ResyncReason::from_word(reason.word()) == Some(*reason))
        );
        assert!(
            Kind::ALL
                .iter()
                .all(|kind| Kind::from_word(kind.word()) == Some(*kind))
        );
    }
}
