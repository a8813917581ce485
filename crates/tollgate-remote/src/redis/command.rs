//! Commands and replies, in types of our own: the library that carries them changes faster than its users should.

use std::fmt;

use ::redis::{Cmd, ToRedisArgs};

use super::RedisError;

/// A command and its arguments.
#[derive(Clone)]
pub struct Command(pub(super) Cmd);

/// What an argument of a command can be: text, bytes, a number, or several of them.
pub trait Argument {
    #[doc(hidden)]
    fn add_to(self, command: &mut Command);
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A whole number.
    Int(i64),
    /// Any bytes.
    BulkString(Vec<u8>),
    /// Several replies.
    Array(Vec<Reply>),
    /// A status other than `OK`.
    SimpleString(String),
    /// The status `OK`.
    Okay,
    /// A fraction.
    Double(f64),
    /// Pairs.
    Map(Vec<(Reply, Reply)>),
}

/// A script that runs in the server, atomically. Its text is sent only where it is not known yet.
#[derive(Clone)]
pub struct Script {
    pub(super) text: &'static str,
    pub(super) hash: String,
}

/// A command by its name.
#[must_use]
pub fn cmd(name: &str) -> Command {
    Command(::redis::cmd(name))
}

// === impl Command ===

impl Command {
    /// Adds an argument, or several.
    pub fn arg(&mut self, argument: impl Argument) -> &mut Self {
        argument.add_to(self);
        self
    }

    /// The command as it is sent.
    #[must_use]
    pub fn packed(&self) -> Vec<u8> {
        self.0.get_packed_command()
    }
}

impl<T: ToRedisArgs> Argument for T {
    fn add_to(self, command: &mut Command) {
        command.0.arg(self);
    }
}

impl fmt::Debug for Command {
    /// Without arguments, which may be what clients said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Command")
    }
}

// === impl Script ===

impl Script {
    /// A script of a text in Lua.
    #[must_use]
    pub fn new(text: &'static str) -> Self {
        Self { text, hash: ::redis::Script::new(text).get_hash().to_owned() }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Script").field(&self.hash).finish()
    }
}

// === impl Reply ===

impl Reply {
    pub(super) fn of(value: ::redis::Value) -> Result<Self, RedisError> {
        use ::redis::Value;
        Ok(match value {
            Value::Nil => Self::Nil,
            Value::Int(number) => Self::Int(number),
            Value::BulkString(bytes) => Self::BulkString(bytes),
            Value::Array(items) => Self::Array(items.into_iter().map(Self::of).collect::<Result<_, _>>()?),
            Value::SimpleString(text) => Self::SimpleString(text),
            Value::Okay => Self::Okay,
            Value::Double(number) => Self::Double(number),
            Value::Map(pairs) => {
                let pair = |(one, other)| Ok::<_, RedisError>((Self::of(one)?, Self::of(other)?));
                Self::Map(pairs.into_iter().map(pair).collect::<Result<_, _>>()?)
            }
            _ => return Err(RedisError::unexpected()),
        })
    }
}
