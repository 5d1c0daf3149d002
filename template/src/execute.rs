//! Runs a tree over its data.
use std::collections::BTreeMap;

use super::{
    Context, functions,
    parse::{Command, Node, Operand, Pipeline, Term},
    value::Value,
};

/// A text longer than this is refused: an annotation is for people.
const MAX_BYTES: usize = 1 << 20;
/// Templates that call each other deeper than this are refused.
const MAX_CALLS: usize = 100;

/// The text of `nodes` over `data`.
pub(super) fn execute(
    nodes: &[Node],
    data: &Value,
    context: &Context<'_>,
) -> Result<String, String> {
    let mut run = Run {
        context,
        text: String::new(),
        variables: vec![("$".to_owned(), data.clone())],
        defined: BTreeMap::new(),
        n_calls: 0,
    };
    run.nodes(nodes, data)?;
    Ok(run.text)
}

/// Whether a loop goes on.
#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Run<'a> {
    context: &'a Context<'a>,
    text: String,
    /// In the order in which they were declared; a block drops its own at its end.
    variables: Vec<(String, Value)>,
    defined: BTreeMap<&'a str, &'a [Node]>,
    n_calls: usize,
}

impl<'a> Run<'a> {
    fn nodes<'n: 'a>(&mut self, nodes: &'n [Node], dot: &Value) -> Result<Flow, String> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if self.text.len() > MAX_BYTES {
                return Err(format!("the text is longer than {MAX_BYTES} bytes"));
            }
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    /// Runs `nodes` with variables of their own.
    fn block<'n: 'a>(&mut self, nodes: &'n [Node], dot: &Value) -> Result<Flow, String> {
        let n_outer = self.variables.len();
        let flow = self.nodes(nodes, dot);
        self.variables.truncate(n_outer);
        flow
    }

    fn node<'n: 'a>(&mut self, node: &'n Node, dot: &Value) -> Result<Flow, String> {
        match node {
            Node::Text(text) => self.text.push_str(text),
            Node::Print(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    self.text.push_str(&value.print());
                }
            }
            Node::If {
                test,
                then,
                otherwise,
            } => {
                let n_outer = self.variables.len();
                let branch = if self.pipeline(test, dot)?.is_true() {
                    then
                } else {
                    otherwise
                };
                let flow = self.block(branch, dot);
                self.variables.truncate(n_outer);
                return flow;
            }
            Node::With {
                value,
                then,
                otherwise,
            } => {
                let n_outer = self.variables.len();
                let value = self.pipeline(value, dot)?;
                let flow = match value.is_true() {
                    true => self.block(then, &value),
                    false => self.block(otherwise, dot),
                };
                self.variables.truncate(n_outer);
                return flow;
            }
            Node::Range {
                list,
                body,
                otherwise,
            } => return self.range(list, body, otherwise, dot),
            Node::Define { name, body } => drop(self.defined.insert(name, body)),
            Node::Call { name, data } => {
                let body = *self
                    .defined
                    .get(name.as_str())
                    .ok_or_else(|| format!("template {name:?} not defined"))?;
                let data = match data {
                    Some(pipeline) => self.pipeline(pipeline, dot)?,
                    None => Value::Nil,
                };
                self.n_calls += 1;
                if self.n_calls > MAX_CALLS {
                    return Err("exceeded maximum template depth".to_owned());
                }
                let outer =
                    std::mem::replace(&mut self.variables, vec![("$".to_owned(), data.clone())]);
                self.nodes(body, &data)?;
                self.variables = outer;
                self.n_calls -= 1;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn range<'n: 'a>(
        &mut self,
        list: &'n Pipeline,
        body: &'n [Node],
        otherwise: &'n [Node],
        dot: &Value,
    ) -> Result<Flow, String> {
        let n_outer = self.variables.len();
        let entries: Vec<(Value, Value)> = match self.commands(list, dot)? {
            Value::List(list) => (0..).map(Value::Int).zip(list).collect(),
            Value::Map(map) => map
                .into_iter()
                .map(|(name, value)| (Value::Text(name), value))
                .collect(),
            Value::Int(n) => (0..n.clamp(0, MAX_BYTES as i64))
                .map(|i| (Value::Int(i), Value::Int(i)))
                .collect(),
            Value::Nil => Vec::new(),
            other => return Err(format!("range can't iterate over {}", other.print())),
        };
        if entries.is_empty() {
            return self.block(otherwise, dot);
        }
        for (key, value) in entries {
            match &list.variables[..] {
                [one] => self.set(one, value.clone(), list.declares)?,
                [index, element] => {
                    self.set(index, key, list.declares)?;
                    self.set(element, value.clone(), list.declares)?;
                }
                _ => {}
            }
            let flow = self.block(body, &value)?;
            self.variables.truncate(n_outer);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn set(&mut self, name: &str, value: Value, declares: bool) -> Result<(), String> {
        if declares {
            self.variables.push((name.to_owned(), value));
            return Ok(());
        }
        let known = self
            .variables
            .iter_mut()
            .rev()
            .find(|(known, _)| known == name);
        known
            .ok_or_else(|| format!("undefined variable {name:?}"))?
            .1 = value;
        Ok(())
    }

    /// The value of a pipeline, whose variables are set.
    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, String> {
        let value = self.commands(pipeline, dot)?;
        for name in &pipeline.variables {
            self.set(name, value.clone(), pipeline.declares)?;
        }
        Ok(value)
    }

    fn commands(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, String> {
        let mut last = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, last, dot)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(
        &mut self,
        command: &Command,
        piped: Option<Value>,
        dot: &Value,
    ) -> Result<Value, String> {
        let (first, rest) = command.0.split_first().expect("a command has a term");
        let Operand::Function(name) = &first.operand else {
            if !rest.is_empty() || piped.is_some() {
                return Err("can't give argument to non-function".to_owned());
            }
            return self.term(first, dot);
        };
        // `and` and `or` look at no more arguments than they need.
        if matches!(name.as_str(), "and" | "or") {
            let mut value = Value::Nil;
            for term in rest {
                value = self.term(term, dot)?;
                if value.is_true() == (name == "or") {
                    return Ok(value);
                }
            }
            return Ok(piped.unwrap_or(value));
        }
        let args = rest.iter().map(|term| self.term(term, dot));
        let mut args = args.collect::<Result<Vec<_>, _>>()?;
        args.extend(piped);
        let value = functions::call(name, args, self.context)?;
        fields_of(value, &first.fields)
    }

    fn term(&mut self, term: &Term, dot: &Value) -> Result<Value, String> {
        let value = match &term.operand {
            Operand::Dot => dot.clone(),
            Operand::Constant(value) => value.clone(),
            Operand::Variable(name) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                known
                    .ok_or_else(|| format!("undefined variable {name:?}"))?
                    .1
                    .clone()
            }
            Operand::Function(name) => functions::call(name, Vec::new(), self.context)?,
            Operand::Pipeline(pipeline) => self.pipeline(pipeline, dot)?,
        };
        fields_of(value, &term.fields)
    }
}

fn fields_of(value: Value, fields: &[String]) -> Result<Value, String> {
    fields.iter().try_fold(value, |value, field| match value {
        // Labels are a map of texts, and an absent one is the empty text.
        Value::Map(mut map) => Ok(map.remove(field).unwrap_or(Value::Text(String::new()))),
        Value::Nil => Err(format!("nil data; no entry for key {field:?}")),
        other => Err(format!(
            "can't evaluate field {field} in type {}",
            other.type_name()
        )),
    })
}
