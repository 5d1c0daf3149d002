//! Pieces into a tree.
use std::{collections::VecDeque, iter::Peekable, vec::IntoIter};

use super::{
    lex::{Piece, SyntaxError, Token},
    value::Value,
};

/// What is deeper than this is refused rather than overflowing the stack.
const MAX_DEPTH: usize = 100;

/// A node of a template.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    /// Prints the value, unless the pipeline sets variables.
    Print(Pipeline),
    If {
        test: Pipeline,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
    With {
        value: Pipeline,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Range {
        list: Pipeline,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Define {
        name: String,
        body: Vec<Node>,
    },
    Call {
        name: String,
        data: Option<Pipeline>,
    },
    Break,
    Continue,
}

/// Commands, each given the value of the one before as its last argument.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    /// Variables that are set, and whether they are new.
    pub(super) variables: Vec<String>,
    pub(super) declares: bool,
    pub(super) commands: Vec<Command>,
}

/// A function or a value, and its arguments.
#[derive(Clone, Debug)]
pub(super) struct Command(pub(super) Vec<Term>);

/// An operand with the fields taken of it.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) operand: Operand,
    pub(super) fields: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Dot,
    Variable(String),
    Constant(Value),
    Function(String),
    Pipeline(Box<Pipeline>),
}

/// The tree of `pieces`.
pub(super) fn parse(pieces: Vec<Piece>) -> Result<Vec<Node>, SyntaxError> {
    let mut parser = Parser {
        pieces: pieces.into(),
        line: 1,
        depth: 0,
        variables: vec![ROOT.to_owned()],
    };
    let (nodes, end) = parser.nodes()?;
    match end {
        End::Text => Ok(nodes),
        End::Word(word, _) => Err(parser.error(format!("unexpected {{{{{word}}}}}"))),
    }
}

/// What a list of nodes stopped at.
enum End {
    Text,
    /// `end` or `else`, and what follows `else`.
    Word(String, Vec<Token>),
}

/// The variable that holds what the template was begun with.
const ROOT: &str = "$";

struct Parser {
    pieces: VecDeque<Piece>,
    line: usize,
    depth: usize,
    /// Those that are defined here. Go forgets those of a block at its end, not at its `else`.
    variables: Vec<String>,
}

impl Parser {
    fn error(&self, what: impl Into<String>) -> SyntaxError {
        SyntaxError {
            line: self.line,
            what: what.into(),
        }
    }

    fn nodes(&mut self) -> Result<(Vec<Node>, End), SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("too many nested blocks"));
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.pop_front() {
            let (line, tokens) = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action { line, tokens } => (line, tokens),
            };
            self.line = line;
            let start = tokens.iter().position(|t| *t != Token::Blank);
            let Some(start) = start else {
                return Err(self.error("missing value for command"));
            };
            let rest = tokens[start + 1..].to_vec();
            let Token::Word(word) = &tokens[start] else {
                nodes.push(Node::Print(self.pipeline(tokens)?));
                continue;
            };
            let node = match word.as_str() {
                "end" | "else" => {
                    self.depth -= 1;
                    return Ok((nodes, End::Word(word.clone(), rest)));
                }
                "if" => {
                    let (test, then, otherwise) = self.block("if", rest)?;
                    Node::If {
                        test,
                        then,
                        otherwise,
                    }
                }
                "with" => {
                    let (value, then, otherwise) = self.block("with", rest)?;
                    Node::With {
                        value,
                        then,
                        otherwise,
                    }
                }
                "range" => {
                    let (list, body, otherwise) = self.block("range", rest)?;
                    Node::Range {
                        list,
                        body,
                        otherwise,
                    }
                }
                "define" => {
                    let (name, _) = self.name(rest)?;
                    let outside = std::mem::replace(&mut self.variables, vec![ROOT.to_owned()]);
                    let (body, end) = self.nodes()?;
                    self.variables = outside;
                    self.must_end(&end, "define")?;
                    Node::Define { name, body }
                }
                "template" => {
                    let (name, rest) = self.name(rest)?;
                    let given = rest.iter().any(|t| *t != Token::Blank);
                    let data = given.then(|| self.pipeline(rest)).transpose()?;
                    Node::Call { name, data }
                }
                "break" => Node::Break,
                "continue" => Node::Continue,
                _ => Node::Print(self.pipeline(tokens)?),
            };
            nodes.push(node);
        }
        self.depth -= 1;
        Ok((nodes, End::Text))
    }

    /// The pipeline of `if`, `with` or `range`, what follows it, and what follows `else`.
    fn block(
        &mut self,
        kind: &str,
        tokens: Vec<Token>,
    ) -> Result<(Pipeline, Vec<Node>, Vec<Node>), SyntaxError> {
        let n_outside = self.variables.len();
        let block = self.inside_block(kind, tokens)?;
        self.variables.truncate(n_outside);
        Ok(block)
    }

    fn inside_block(
        &mut self,
        kind: &str,
        tokens: Vec<Token>,
    ) -> Result<(Pipeline, Vec<Node>, Vec<Node>), SyntaxError> {
        let pipeline = self.pipeline(tokens)?;
        let (then, end) = self.nodes()?;
        let End::Word(word, rest) = end else {
            return Err(self.error("unexpected EOF"));
        };
        if word == "end" {
            return Ok((pipeline, then, Vec::new()));
        }
        let mut rest = rest
            .into_iter()
            .skip_while(|t| *t == Token::Blank)
            .peekable();
        // `else if x` is `else`, `if x`, and one `end` for both.
        if let Some(Token::Word(chained)) = rest.peek()
            && chained == kind
            && matches!(kind, "if" | "with")
        {
            rest.next();
            let (test, then_too, otherwise) = self.block(kind, rest.collect())?;
            let nested = match kind {
                "if" => Node::If {
                    test,
                    then: then_too,
                    otherwise,
                },
                _ => Node::With {
                    value: test,
                    then: then_too,
                    otherwise,
                },
            };
            return Ok((pipeline, then, vec![nested]));
        }
        let (otherwise, end) = self.nodes()?;
        self.must_end(&end, "else")?;
        Ok((pipeline, then, otherwise))
    }

    fn must_end(&self, end: &End, what: &str) -> Result<(), SyntaxError> {
        match end {
            End::Word(word, _) if word == "end" => Ok(()),
            End::Word(word, _) => Err(self.error(format!("unexpected {{{{{word}}}}} in {what}"))),
            End::Text => Err(self.error("unexpected EOF")),
        }
    }

    fn name(&self, tokens: Vec<Token>) -> Result<(String, Vec<Token>), SyntaxError> {
        let mut tokens = tokens.into_iter().skip_while(|t| *t == Token::Blank);
        match tokens.next() {
            Some(Token::Text(name)) => Ok((name, tokens.collect())),
            _ => Err(self.error("a template's name must be a quoted text")),
        }
    }

    fn pipeline(&mut self, tokens: Vec<Token>) -> Result<Pipeline, SyntaxError> {
        let mut terms = Terms {
            tokens: tokens.into_iter().peekable(),
            depth: self.depth,
            variables: std::mem::take(&mut self.variables),
        };
        let pipeline = terms.pipeline().map_err(|what| self.error(what))?;
        self.variables = terms.variables;
        match terms.tokens.next() {
            None => Ok(pipeline),
            Some(token) => Err(self.error(format!("unexpected {token:?} in command"))),
        }
    }
}

/// The tokens of one action.
struct Terms {
    tokens: Peekable<IntoIter<Token>>,
    depth: usize,
    /// Those that are defined here.
    variables: Vec<String>,
}

impl Terms {
    fn skip_blanks(&mut self) {
        while self.tokens.next_if(|t| *t == Token::Blank).is_some() {}
    }

    fn pipeline(&mut self) -> Result<Pipeline, String> {
        let (variables, declares) = self.variables()?;
        let mut commands = Vec::new();
        loop {
            let command = self.command()?;
            if command.0.is_empty() {
                return Err("missing value for command".to_owned());
            }
            commands.push(command);
            if self.tokens.next_if(|t| *t == Token::Pipe).is_none() {
                break;
            }
        }
        Ok(Pipeline {
            variables,
            declares,
            commands,
        })
    }

    /// `$x :=`, `$x =` or `$i, $x :=` at the front, if one stands there.
    fn variables(&mut self) -> Result<(Vec<String>, bool), String> {
        let front: Vec<Token> = self
            .tokens
            .clone()
            .filter(|t| *t != Token::Blank)
            .take(4)
            .collect();
        let (names, sign) = match &front[..] {
            [
                Token::Variable(a),
                sign @ (Token::Declare | Token::Assign),
                ..,
            ] => (vec![a.clone()], sign),
            [
                Token::Variable(a),
                Token::Comma,
                Token::Variable(b),
                sign @ (Token::Declare | Token::Assign),
            ] => (vec![a.clone(), b.clone()], sign),
            _ => return Ok((Vec::new(), false)),
        };
        let mut left = 2 * names.len();
        while left > 0 {
            self.skip_blanks();
            self.tokens.next();
            left -= 1;
        }
        self.variables.extend(names.iter().cloned());
        Ok((names, *sign == Token::Declare))
    }

    fn command(&mut self) -> Result<Command, String> {
        let mut terms = Vec::new();
        loop {
            self.skip_blanks();
            match self.tokens.peek() {
                None | Some(Token::Pipe | Token::Close) => return Ok(Command(terms)),
                Some(_) => terms.push(self.term()?),
            }
        }
    }

    fn term(&mut self) -> Result<Term, String> {
        let mut fields = Vec::new();
        let operand = match self.tokens.next() {
            Some(Token::Field(name)) => {
                fields.extend((!name.is_empty()).then_some(name));
                Operand::Dot
            }
            Some(Token::Variable(name)) => match self.variables.contains(&name) {
                true => Operand::Variable(name),
                false => return Err(format!("undefined variable {name:?}")),
            },
            Some(Token::Int(number)) => Operand::Constant(Value::Int(number)),
            Some(Token::Float(number)) => Operand::Constant(Value::Float(number)),
            Some(Token::Text(text)) => Operand::Constant(Value::Text(text)),
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Operand::Constant(Value::Bool(true)),
                "false" => Operand::Constant(Value::Bool(false)),
                "nil" => Operand::Constant(Value::Nil),
                name if super::functions::is_known(name) => Operand::Function(word),
                name => return Err(format!("function {name:?} not defined")),
            },
            Some(Token::Open) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err("too many nested parentheses".to_owned());
                }
                let pipeline = self.pipeline()?;
                self.depth -= 1;
                if self.tokens.next() != Some(Token::Close) {
                    return Err("unclosed left paren".to_owned());
                }
                Operand::Pipeline(Box::new(pipeline))
            }
            other => return Err(format!("unexpected {other:?} in operand")),
        };
        while let Some(Token::Field(name)) = self
            .tokens
            .next_if(|t| matches!(t, Token::Field(n) if !n.is_empty()))
        {
            fields.push(name);
        }
        Ok(Term { operand, fields })
    }
}
