//! Why a cluster did not start, and whose business that is.

/// Why a cluster did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// This machine lacks something.
    #[error("{what}; {remedy}")]
    Unfit {
        /// What is missing, as a clause.
        what: String,
        /// What to do, as an order.
        remedy: String,
    },
    /// Something here went wrong.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
    /// The caller did not want to wait any longer.
    #[error("interrupted")]
    Cancelled,
}
