//! The value of an expression.

use crate::error::{Exception, Outcome, fail};
use crate::expression::{Binary, Expression, Unary};
use crate::glob;
use crate::number::{Number, truth};
use crate::pattern;
use crate::run::Run;
use crate::value::Value;

impl Run<'_> {
    /// Evaluates; operands keep their spelling, so that `eq` compares what was written.
    pub(crate) fn evaluate(&mut self, expression: &Expression) -> Outcome {
        self.step(1)?;
        self.nested(|run| run.evaluate_inner(expression))
    }

    fn evaluate_inner(&mut self, expression: &Expression) -> Outcome {
        match expression {
            Expression::Text(text) => Ok(text.clone()),
            Expression::Quoted(parts) => self.parts(parts),
            Expression::Variable(part) => self.part(part),
            Expression::Script(script) => self.script(script),
            Expression::Unary(operator, operand) => {
                let operand = self.evaluate(operand)?;
                unary(*operator, &operand)
            }
            Expression::Binary(Binary::And, left, right) => {
                let truth = self.truth(left)? && self.truth(right)?;
                Ok(Value::boolean(truth))
            }
            Expression::Binary(Binary::Or, left, right) => {
                let truth = self.truth(left)? || self.truth(right)?;
                Ok(Value::boolean(truth))
            }
            Expression::Binary(operator, left, right) => {
                let left = self.evaluate(left)?;
                let right = self.evaluate(right)?;
                binary(*operator, &left, &right)
            }
            Expression::Choice(condition, yes, no) => {
                let chosen = if self.truth(condition)? { yes } else { no };
                self.evaluate(chosen)
            }
            Expression::Function(name, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.evaluate(argument)?);
                }
                self.function(name, &values)
            }
        }
    }

    fn truth(&mut self, expression: &Expression) -> Result<bool, Exception> {
        let value = self.evaluate(expression)?;
        match truth(value.bytes()) {
            Some(truth) => Ok(truth),
            None => fail(format!("expected boolean value but got \"{value}\"")),
        }
    }

    fn function(&mut self, name: &str, arguments: &[Value]) -> Outcome {
        let numbers = arguments
            .iter()
            .map(operand_of_function)
            .collect::<Result<Vec<_>, _>>()?;
        if name == "rand" && numbers.is_empty() {
            let fraction = (self.host.random() >> 11) as f64 / (1u64 << 53) as f64;
            return Ok(Value::from(Number::Real(fraction)));
        }
        match numbers.as_slice() {
            [number] => one_argument(name, *number),
            [first, second] => two_arguments(name, first.as_real(), second.as_real()),
            _ => None,
        }
        .unwrap_or_else(|| {
            fail(format!(
                "unknown math function \"{name}\" or wrong number of arguments for it"
            ))
        })
    }
}

/// A text that reads as a number is that number, in its canonical spelling.
pub(crate) fn canonical(value: Value) -> Value {
    match Number::parse(value.bytes()) {
        Some(number) => Value::from(number),
        None => value,
    }
}

fn operand_of_function(value: &Value) -> Result<Number, Exception> {
    match Number::parse(value.bytes()) {
        Some(number) => Ok(number),
        None => fail("argument to math function didn't have numeric value"),
    }
}

fn operand(value: &Value, operator: &str) -> Result<Number, Exception> {
    match Number::parse(value.bytes()) {
        Some(number) => Ok(number),
        None if value.bytes().is_empty() => fail(format!(
            "can't use empty string as operand of \"{operator}\""
        )),
        None => fail(format!(
            "can't use non-numeric string as operand of \"{operator}\""
        )),
    }
}

fn whole(value: &Value, operator: &str) -> Result<i64, Exception> {
    match operand(value, operator)? {
        Number::Integer(number) => Ok(number),
        Number::Real(_) => fail(format!(
            "can't use floating-point value as operand of \"{operator}\""
        )),
    }
}

fn unary(operator: Unary, value: &Value) -> Outcome {
    match operator {
        Unary::Minus => Ok(match operand(value, "-")? {
            Number::Integer(number) => Value::from(number.wrapping_neg()),
            Number::Real(number) => Value::from(Number::Real(-number)),
        }),
        Unary::Plus => operand(value, "+").map(Value::from),
        Unary::BitNot => whole(value, "~").map(|number| Value::from(!number)),
        Unary::Not => match truth(value.bytes()) {
            Some(truth) => Ok(Value::boolean(!truth)),
            None => fail("can't use non-numeric string as operand of \"!\""),
        },
    }
}

fn binary(operator: Binary, left: &Value, right: &Value) -> Outcome {
    let (a, b) = (left.bytes(), right.bytes());
    let truth = match operator {
        Binary::Multiply => return arithmetic("*", left, right, i64::wrapping_mul, |a, b| a * b),
        Binary::Add => return arithmetic("+", left, right, i64::wrapping_add, |a, b| a + b),
        Binary::Subtract => return arithmetic("-", left, right, i64::wrapping_sub, |a, b| a - b),
        Binary::Divide => return divide(left, right),
        Binary::Remainder => return remainder(left, right),
        Binary::ShiftLeft => {
            return shift("<<", left, right, |number, by| {
                number.checked_shl(by).unwrap_or(0)
            });
        }
        Binary::ShiftRight => {
            return shift(">>", left, right, |number, by| {
                number.checked_shr(by).unwrap_or(number >> 63)
            });
        }
        Binary::BitAnd => return Ok(Value::from(whole(left, "&")? & whole(right, "&")?)),
        Binary::BitXor => return Ok(Value::from(whole(left, "^")? ^ whole(right, "^")?)),
        Binary::BitOr => return Ok(Value::from(whole(left, "|")? | whole(right, "|")?)),
        Binary::Less => compare(left, right).is_lt(),
        Binary::Greater => compare(left, right).is_gt(),
        Binary::LessEqual => compare(left, right).is_le(),
        Binary::GreaterEqual => compare(left, right).is_ge(),
        Binary::Equal => compare(left, right).is_eq(),
        Binary::NotEqual => compare(left, right).is_ne(),
        Binary::TextEqual => a == b,
        Binary::TextNotEqual => a != b,
        Binary::Contains => b.is_empty() || a.windows(b.len()).any(|window| window == b),
        Binary::StartsWith => a.starts_with(b),
        Binary::EndsWith => a.ends_with(b),
        Binary::MatchesGlob => glob::matches(b, a, false),
        Binary::MatchesRegex => pattern::compile(b, pattern::Flags::default())?.is_match(a),
        // Both are decided lazily before this is called.
        Binary::And | Binary::Or => false,
    };
    Ok(Value::boolean(truth))
}

/// Numbers compare as numbers when both are; anything else as text.
pub(crate) fn compare(left: &Value, right: &Value) -> std::cmp::Ordering {
    match (Number::parse(left.bytes()), Number::parse(right.bytes())) {
        (Some(Number::Integer(a)), Some(Number::Integer(b))) => a.cmp(&b),
        (Some(a), Some(b)) => a
            .as_real()
            .partial_cmp(&b.as_real())
            .unwrap_or(std::cmp::Ordering::Greater),
        _ => left.bytes().cmp(right.bytes()),
    }
}

fn arithmetic(
    operator: &str,
    left: &Value,
    right: &Value,
    integers: fn(i64, i64) -> i64,
    reals: fn(f64, f64) -> f64,
) -> Outcome {
    let number = match (operand(left, operator)?, operand(right, operator)?) {
        (Number::Integer(a), Number::Integer(b)) => Number::Integer(integers(a, b)),
        (a, b) => Number::Real(reals(a.as_real(), b.as_real())),
    };
    real_result(number)
}

fn real_result(number: Number) -> Outcome {
    if let Number::Real(real) = number {
        if real.is_nan() {
            return fail("domain error: argument not in valid range");
        }
        if real.is_infinite() {
            return fail("floating-point value too large to represent");
        }
    }
    Ok(Value::from(number))
}

/// Integer division rounds down, as Tcl promises.
fn divide(left: &Value, right: &Value) -> Outcome {
    match (operand(left, "/")?, operand(right, "/")?) {
        (Number::Integer(_), Number::Integer(0)) => fail("divide by zero"),
        (Number::Integer(a), Number::Integer(b)) => Ok(Value::from(floor_divide(a, b))),
        (_, b) if b.as_real() == 0.0 => fail("divide by zero"),
        (a, b) => real_result(Number::Real(a.as_real() / b.as_real())),
    }
}

fn floor_divide(a: i64, b: i64) -> i64 {
    let quotient = a.wrapping_div(b);
    if a.wrapping_rem(b) != 0 && ((a < 0) != (b < 0)) {
        quotient - 1
    } else {
        quotient
    }
}

fn remainder(left: &Value, right: &Value) -> Outcome {
    let (a, b) = (whole(left, "%")?, whole(right, "%")?);
    if b == 0 {
        return fail("divide by zero");
    }
    Ok(Value::from(
        a.wrapping_sub(floor_divide(a, b).wrapping_mul(b)),
    ))
}

fn shift(operator: &str, left: &Value, right: &Value, apply: fn(i64, u32) -> i64) -> Outcome {
    let (number, by) = (whole(left, operator)?, whole(right, operator)?);
    match u32::try_from(by) {
        Ok(by) => Ok(Value::from(apply(number, by))),
        Err(_) => fail("negative shift argument"),
    }
}

fn one_argument(name: &str, number: Number) -> Option<Outcome> {
    let real = number.as_real();
    let result = match name {
        "abs" => match number {
            Number::Integer(number) => return Some(Ok(Value::from(number.wrapping_abs()))),
            Number::Real(_) => real.abs(),
        },
        "int" | "wide" => return Some(to_integer(number, real.trunc())),
        "round" => return Some(to_integer(number, real.round())),
        "double" => real,
        "acos" => real.acos(),
        "asin" => real.asin(),
        "atan" => real.atan(),
        "ceil" => real.ceil(),
        "cos" => real.cos(),
        "cosh" => real.cosh(),
        "exp" => real.exp(),
        "floor" => real.floor(),
        "log" => real.ln(),
        "log10" => real.log10(),
        "sin" => real.sin(),
        "sinh" => real.sinh(),
        "sqrt" => real.sqrt(),
        "tan" => real.tan(),
        "tanh" => real.tanh(),
        "srand" => 0.0,
        _ => return None,
    };
    Some(real_result(Number::Real(result)))
}

fn to_integer(number: Number, rounded: f64) -> Outcome {
    match number {
        Number::Integer(number) => Ok(Value::from(number)),
        Number::Real(_) if rounded.abs() < 9.2e18 => Ok(Value::from(rounded as i64)),
        Number::Real(_) => fail("integer value too large to represent"),
    }
}

fn two_arguments(name: &str, first: f64, second: f64) -> Option<Outcome> {
    let result = match name {
        "pow" => first.powf(second),
        "fmod" => first % second,
        "atan2" => first.atan2(second),
        "hypot" => first.hypot(second),
        _ => return None,
    };
    Some(real_result(Number::Real(result)))
}
