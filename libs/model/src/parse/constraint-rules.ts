// Constraints (app.md A8). Regular expressions are compiled with RE2, whose time is linear in the text whatever the pattern:
// what is accepted here can be matched by the scheduler without danger.
import { RE2JS } from 're2js';
import type { Constraint, ConstraintOperator } from '../app-spec.js';
import { LIMITS } from './limits.js';
import type { Problems } from './problems.js';

export const CONSTRAINT_OPERATORS = [
  'UNIQUE',
  'CLUSTER',
  'GROUP_BY',
  'LIKE',
  'UNLIKE',
  'MAX_PER',
  'IS',
] as const satisfies readonly ConstraintOperator[];
const WHOLE_NUMBER = /^[+-]?\d{1,10}$/;
const IS_VALUE = /^[a-zA-Z0-9_/.-]*$/;

/** Lists of texts -> constraints; equal ones become one. Faulty ones are reported and left out. */
export function constraintsOf(
  lists: readonly (readonly string[])[],
  problems: Problems,
  path = '/constraints',
): readonly Constraint[] {
  const seen = new Map<string, Constraint>();
  lists.forEach((texts, index) => {
    const read = constraintOf(texts);
    if (typeof read === 'string') problems.add(`${path}(${index})`, read);
    else seen.set(JSON.stringify([read.field, read.operator, read.value]), read);
  });
  return [...seen.values()];
}

/** The constraint, or what is wrong with it. */
function constraintOf([field, operatorText, value, ...more]: readonly string[]): Constraint | string {
  if (field === undefined || operatorText === undefined || more.length) return 'must have 2 or 3 texts';
  if (field === '') return 'must name a field';
  const operator = CONSTRAINT_OPERATORS.find((each) => each === operatorText.toUpperCase());
  if (!operator) return `the operator must be one of ${CONSTRAINT_OPERATORS.join(', ')}`;
  const fault = valueFault(operator, value);
  if (fault !== null) return fault;
  const isEmpty = value === undefined || (value === '' && (operator === 'CLUSTER' || operator === 'UNIQUE'));
  return isEmpty ? { field, operator } : { field, operator, value };
}

function valueFault(operator: ConstraintOperator, value: string | undefined): string | null {
  switch (operator) {
    case 'UNIQUE':
      return value ? 'UNIQUE takes no value' : null;
    case 'CLUSTER':
      return null;
    case 'GROUP_BY':
      return value === undefined || isWholeNumber(value)
        ? null
        : 'the value of GROUP_BY must be a whole number';
    case 'MAX_PER':
      return value !== undefined && isWholeNumber(value) ? null : 'MAX_PER needs a whole number as value';
    case 'LIKE':
    case 'UNLIKE':
      return value === undefined ? `${operator} needs a regular expression as value` : patternFault(value);
    case 'IS':
      return value === undefined || IS_VALUE.test(value)
        ? null
        : 'the value of IS may have letters, digits and _ / . - only';
  }
}

const isWholeNumber = (text: string): boolean =>
  WHOLE_NUMBER.test(text) && Math.abs(Number(text)) <= 2 ** 31 - 1;

function patternFault(pattern: string): string | null {
  if (pattern.length > LIMITS.patternCharacters) {
    return `a regular expression must not have more than ${LIMITS.patternCharacters} characters`;
  }
  try {
    RE2JS.compile(pattern);
    return null;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `must be a valid regular expression (RE2 syntax: no look-around, no back references): ${reason}`;
  }
}
