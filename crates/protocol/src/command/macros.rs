//! What the table of commands becomes: the enum on the wire, a type for each command, and the table itself.

macro_rules! commands {
    ($(
        $(#[$doc:meta])*
        [$source:ident $access:ident $arguments:ident, args $args:literal, result $result:literal]
        $name:ident $( { $( $(#[$field_doc:meta])* $field:ident: $ty:ty ),* $(,)? } )? $( ( $request:ty ) )? -> $answer:ty
    ),* $(,)?) => {
        /// A command and its arguments, on the wire as `"command": name, "args": {...}`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, strum::VariantNames)]
        #[serde(tag = "command", content = "args", rename_all = "snake_case")]
        #[strum(serialize_all = "snake_case")]
        pub enum Command {
            $( $(#[$doc])* $name $( { $( $(#[$field_doc])* $field: $ty ),* } )? $( ($request) )? ),*
        }

        /// Index of each command in the table.
        enum Row {
            $( $name ),*
        }

        impl Command {
            /// Every command, in the order of the documentation.
            pub const TABLE: &'static [CommandSpec] = &[ $( CommandSpec {
                name: Self::NAMES[Row::$name as usize],
                source: Source::$source,
                access: Access::$access,
                arguments: Arguments::$arguments,
                args: $args,
                result: $result,
            } ),* ];

            /// Its row of the table.
            pub fn spec(&self) -> &'static CommandSpec {
                match self {
                    $( Self::$name { .. } => &Self::TABLE[Row::$name as usize] ),*
                }
            }

            /// Reads the result that `host` has answered.
            pub fn read_answer(&self, host: &str, result: Value) -> Answer {
                let answer = match self {
                    $( Self::$name { .. } => <$answer as AnswerType>::read(result) ),*
                };
                answer.unwrap_or_else(|e| Answer::Unreadable(
                    Failure::new(ErrorCode::Internal, format!("the answer of {host} to {} could not be read: {e}", self.name()))
                        .hint("run the same baton on every host"),
                ))
            }
        }

        /// Commands as types: what `link::client` asks with [`TypedCommand::Answer`](super::TypedCommand::Answer) as the result.
        #[expect(missing_docs, reason = "the fields are those of `Command`")]
        pub mod ask {
            use super::*;

            $(
                $(#[$doc])*
                #[derive(Debug, Clone, PartialEq)]
                pub struct $name { $( $( pub $field: $ty ),* )? $( pub request: $request )? }

                impl From<$name> for Command {
                    #[allow(unused_variables, reason = "some have no fields")]
                    fn from(asked: $name) -> Self {
                        Self::$name $( { $( $field: asked.$field ),* } )? $( (<$request>::from(asked.request)) )?
                    }
                }
            )*
        }

        $( impl TypedCommand for ask::$name {
            type Answer = $answer;
        } )*
    };
}
