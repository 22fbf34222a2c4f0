//! Transactions: changes that are recorded first and carried out together.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::error::ApiError;
use super::request::Request;

/// Transactions at once.
const OPEN_LIMIT: usize = 100;
/// Commands in one.
const COMMAND_LIMIT: usize = 1000;
/// Where the appliance's numbers begin, near enough.
const FIRST_ID: u64 = 1_700_000_000_000_001;

/// Those that are open, and those that ended.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    open: BTreeMap<u64, Transaction>,
    begun: u64,
}

#[derive(Debug)]
struct Transaction {
    state: &'static str,
    commands: Vec<Request>,
    failure: String,
    validate_only: bool,
}

impl Transactions {
    pub(crate) fn begin(&mut self) -> Result<Json, ApiError> {
        self.open
            .retain(|_, transaction| transaction.state == "STARTED");
        if self.open.len() >= OPEN_LIMIT {
            return Err(ApiError::new(
                400,
                format!("there are {OPEN_LIMIT} open transactions"),
            ));
        }
        let id = FIRST_ID + self.begun;
        self.begun += 1;
        let transaction = Transaction {
            state: "STARTED",
            commands: Vec::new(),
            failure: String::new(),
            validate_only: false,
        };
        self.open.insert(id, transaction);
        self.shown(&id.to_string())
    }

    fn find(&self, id: &str) -> Result<(u64, &Transaction), ApiError> {
        let number: Option<u64> = id.parse().ok();
        let found = number.and_then(|number| Some((number, self.open.get(&number)?)));
        found.ok_or_else(|| ApiError::new(404, format!("there is no transaction {id}")))
    }

    fn find_mut(&mut self, id: &str) -> Option<&mut Transaction> {
        self.open.get_mut(&id.parse().ok()?)
    }

    pub(crate) fn shown(&self, id: &str) -> Result<Json, ApiError> {
        let (number, transaction) = self.find(id)?;
        Ok(json!({
            "transId": number,
            "state": transaction.state,
            "timeoutSeconds": 120,
            "asyncExecution": false,
            "validateOnly": transaction.validate_only,
            "executionTimeout": 300,
            "executionTime": 0,
            "failureReason": transaction.failure,
            "kind": "tm:transactionstate",
            "selfLink": format!("https://localhost/mgmt/tm/transaction/{number}?ver={}", super::resource::VERSION),
        }))
    }

    /// Records a change instead of carrying it out.
    pub(crate) fn record(&mut self, id: &str, request: &Request) -> Result<Json, ApiError> {
        self.find(id)?;
        let Some(transaction) = self
            .find_mut(id)
            .filter(|transaction| transaction.state == "STARTED")
        else {
            return Err(ApiError::new(400, format!("transaction {id} has ended")));
        };
        if transaction.commands.len() >= COMMAND_LIMIT {
            return Err(ApiError::new(
                400,
                format!("transaction {id} has {COMMAND_LIMIT} commands"),
            ));
        }
        transaction.commands.push(request.clone());
        Ok(command(id, transaction.commands.len(), request))
    }

    pub(crate) fn commands(&self, id: &str) -> Result<Json, ApiError> {
        let (_, transaction) = self.find(id)?;
        let items: Vec<Json> = transaction
            .commands
            .iter()
            .enumerate()
            .map(|(at, request)| command(id, at + 1, request))
            .collect();
        Ok(json!({ "kind": "tm:transaction:commandscollectionstate", "items": items }))
    }

    pub(crate) fn one_command(&self, id: &str, number: &str) -> Result<Json, ApiError> {
        let (_, transaction) = self.find(id)?;
        let found = number.parse().ok().and_then(|number: usize| {
            let request = transaction.commands.get(number.checked_sub(1)?)?;
            Some(command(id, number, request))
        });
        found.ok_or_else(|| ApiError::new(404, format!("transaction {id} has no command {number}")))
    }

    pub(crate) fn forget(&mut self, id: &str) -> Result<Json, ApiError> {
        let (number, _) = self.find(id)?;
        self.open.remove(&number);
        Ok(Json::Null)
    }

    /// Hands out the commands in order, until one is refused.
    pub(crate) fn replay(
        &self,
        id: &str,
        mut carry_out: impl FnMut(&Request) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let (_, transaction) = self.find(id)?;
        if transaction.state != "STARTED" {
            return Err(ApiError::new(400, format!("transaction {id} has ended")));
        }
        transaction.commands.iter().try_for_each(&mut carry_out)
    }

    pub(crate) fn completed(&mut self, id: &str, validate_only: bool) -> Result<Json, ApiError> {
        if let Some(transaction) = self.find_mut(id) {
            transaction.state = "COMPLETED";
            transaction.validate_only = validate_only;
        }
        self.shown(id)
    }

    pub(crate) fn failed(&mut self, id: &str, why: &ApiError) {
        if let Some(transaction) = self.find_mut(id) {
            transaction.state = "FAILED";
            transaction.failure = why.message.clone();
        }
    }
}

fn command(id: &str, number: usize, request: &Request) -> Json {
    json!({
        "method": request.method,
        "uri": format!("https://localhost{}", request.path),
        "body": request.body,
        "evalOrder": number,
        "commandId": number,
        "kind": "tm:transaction:commandsstate",
        "selfLink": format!("https://localhost/mgmt/tm/transaction/{id}/commands/{number}?ver={}", super::resource::VERSION),
    })
}
