// Names of roles (app.md A9): labels in Longrun, but legal ones.
export const ROLE_FAULT =
  "must be the name of a role: not empty, not '.' or '..', no dash first, no blanks and no slashes";

export const isRoleName = (name: string): boolean => !/^(?:|\.|\.\.|-.*|.*[\t\n\v\f\r /].*)$/s.test(name);
