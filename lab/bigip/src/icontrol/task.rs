//! Tasks of the device: what may take long is ordered, started, and asked about. Of all that a device does so, saving.

use serde_json::{Value as Json, json};

use super::error::ApiError;
use super::resource::VERSION;

/// Tasks that are remembered.
const TASK_LIMIT: usize = 100;

/// Tasks that were ordered, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    remembered: Vec<Task>,
    ordered: u64,
}

#[derive(Debug)]
struct Task {
    id: u64,
    command: Json,
    has_run: bool,
}

impl Tasks {
    /// `/mgmt/tm/task/…`: an order, a start, a question.
    pub(crate) fn answer(
        &mut self,
        method: &str,
        rest: &[&str],
        body: &Json,
    ) -> Result<(u16, Json), ApiError> {
        match (method, rest) {
            ("POST", ["sys", "config"]) => Ok((200, self.order(body)?)),
            ("PUT", ["sys", "config", id]) => Ok((202, self.run(id, body)?)),
            ("GET", ["sys", "config", id]) => Ok((200, self.find(id)?.shown())),
            ("GET", ["sys", "config", id, "result"]) => {
                let task = self.find(id)?;
                match task.has_run {
                    true => Ok((200, task.shown())),
                    false => Err(ApiError::new(404, format!("task {id} has no result yet"))),
                }
            }
            ("DELETE", ["sys", "config", id]) => {
                let gone = self.find(id)?.id;
                self.remembered.retain(|task| task.id != gone);
                Ok((200, Json::Null))
            }
            _ => Err(ApiError::not_registered(&format!(
                "/mgmt/tm/task/{}",
                rest.join("/")
            ))),
        }
    }

    fn order(&mut self, body: &Json) -> Result<Json, ApiError> {
        let command = body.get("command").cloned().unwrap_or_default();
        if command != "save" {
            let word = command.as_str().unwrap_or_default();
            return Err(ApiError::bad_value("command", word));
        }
        if self.remembered.len() >= TASK_LIMIT {
            self.remembered.remove(0);
        }
        self.ordered += 1;
        let task = Task {
            id: self.ordered,
            command,
            has_run: false,
        };
        let shown = task.shown();
        self.remembered.push(task);
        Ok(shown)
    }

    /// There is nothing to wait for: the stand-in has no disk.
    fn run(&mut self, id: &str, body: &Json) -> Result<Json, ApiError> {
        let state = body.get("_taskState").and_then(Json::as_str);
        if state != Some("VALIDATING") {
            return Err(ApiError::bad_value("_taskState", state.unwrap_or_default()));
        }
        let wanted = self.find(id)?.id;
        let tasks = self.remembered.iter_mut();
        for task in tasks.filter(|task| task.id == wanted) {
            task.has_run = true;
        }
        Ok(json!({ "code": 202, "message": "Task will execute asynchronously.", "errorStack": [] }))
    }

    fn find(&self, id: &str) -> Result<&Task, ApiError> {
        let number: Option<u64> = id.parse().ok();
        let found = self.remembered.iter().find(|task| Some(task.id) == number);
        found.ok_or_else(|| ApiError::new(404, format!("there is no task {id}")))
    }
}

impl Task {
    fn shown(&self) -> Json {
        json!({
            "_taskId": self.id,
            "_taskState": if self.has_run { "COMPLETED" } else { "STARTED" },
            "command": self.command,
            "kind": "tm:task:sys:config:configtaskstate",
            "selfLink": format!("https://localhost/mgmt/tm/task/sys/config/{}?ver={VERSION}", self.id),
        })
    }
}
