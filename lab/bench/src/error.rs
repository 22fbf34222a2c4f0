//! Why a row was not measured.

use lab_kafka::StartError;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// This machine lacks something. The row says so; the others go on.
    #[error("{what}; {remedy}")]
    Unfit {
        /// What is missing, as a clause.
        what: String,
        /// What to do, as an order.
        remedy: String,
    },
    /// The gateway did not do what it must.
    #[error("{0}")]
    Gateway(String),
    /// The bench itself failed.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
    /// The user wants out.
    #[error("interrupted")]
    Interrupted,
}

impl From<StartError> for BenchError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Unfit { what, remedy } => Self::Unfit { what, remedy },
            StartError::Cancelled => Self::Interrupted,
            StartError::Failed(error) => Self::Failed(error),
        }
    }
}
