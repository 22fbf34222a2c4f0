//! Who asks. The password is in memory only: no `Debug`, no `Display` shows it.

use std::fmt;
use std::path::Path;

/// User and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account.
    pub user: String,
    password: String,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Neither a variable nor a file of that name.
    #[error(
        "there is no environment variable `{0}` and no file of that name; either holds one line, USER:PASSWORD"
    )]
    Nowhere(String),
    /// The file cannot be read.
    #[error("cannot read {file}: {error}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// Others may read the file.
    #[error("{0} may be read by others; chmod 600 it")]
    Public(String),
    /// Not `USER:PASSWORD`.
    #[error("{0} must hold one line, USER:PASSWORD")]
    Malformed(String),
}

impl Credentials {
    /// These.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
        }
    }

    /// `USER:PASSWORD` from the environment variable of that name, else from the file of that name.
    ///
    /// # Errors
    /// See [`CredentialsError`].
    pub fn from_variable_or_file(name: &str) -> Result<Self, CredentialsError> {
        match std::env::var(name) {
            Ok(text) => Self::parse(&text)
                .ok_or_else(|| CredentialsError::Malformed(format!("the variable `{name}`"))),
            Err(_) if !Path::new(name).is_file() => Err(CredentialsError::Nowhere(name.to_owned())),
            Err(_) => Self::from_file(name),
        }
    }

    fn from_file(name: &str) -> Result<Self, CredentialsError> {
        use std::os::unix::fs::PermissionsExt;
        let unreadable = |error| CredentialsError::Unreadable {
            file: name.to_owned(),
            error,
        };
        let mode = std::fs::metadata(name)
            .map_err(unreadable)?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(CredentialsError::Public(name.to_owned()));
        }
        let text = std::fs::read_to_string(name).map_err(unreadable)?;
        Self::parse(&text).ok_or_else(|| CredentialsError::Malformed(name.to_owned()))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (user, password) = lines.next()?.split_once(':')?;
        let alone = lines.all(|line| line.trim().is_empty());
        (alone && !user.is_empty() && !password.is_empty()).then(|| Self::new(user, password))
    }

    /// For the login, and nothing else.
    pub(crate) fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;

    #[test]
    fn a_line_of_user_and_password_is_read_and_never_shown() {
        let credentials = Credentials::parse("admin:se:cret\n").unwrap();

        assert_eq!(credentials.password(), "se:cret");
        assert!(!format!("{credentials:?}").contains("cret"));
        assert_eq!(Credentials::parse("admin"), None);
        assert_eq!(Credentials::parse("a:b\nc:d"), None);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let file = std::env::temp_dir().join(format!("credentials-{}", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        let open = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .open(&file);
        std::io::Write::write_all(&mut open.unwrap(), b"a:b").unwrap();

        let refused = Credentials::from_variable_or_file(file.to_str().unwrap()).unwrap_err();

        std::fs::remove_file(&file).unwrap();
        assert!(matches!(refused, CredentialsError::Public(_)), "{refused}");
    }
}
