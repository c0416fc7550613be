// Finds every place in the code that could stop a task, by the compiler's types and not by words: who writes the members of an instance
// that mean its stop, who removes instances, who asks a runtime to stop, who sends signals.
import { relative, resolve } from 'node:path';
import ts from 'typescript';

export type Way =
  | 'write-stop' // goal, stop or its members on an Instance or InstanceStop
  | 'remove-instance' // the write that makes the store forget an instance
  | 'draft-remove' // AppDraft.remove, which makes that write
  | 'runtime-stop' // stop of a Runtime
  | 'worker-stop' // what asks it: TaskCalls
  | 'stop-step' // the agent's decision to stop
  | 'engine-stop' // stop, kill, restart or remove of a container of the engine
  | 'signal'; // process.kill, kill of a child, signalProcess

export interface Finding {
  readonly way: Way;
  /** From the root of the repository. */
  readonly file: string;
  /** Innermost function that has a name; `Class.method` for methods; empty at the top of a file. */
  readonly where: string;
  readonly line: number;
}

/** What stands in for production: specs, their tools, and the simulated world. */
const NOT_PRODUCTION =
  /(\.spec\.ts$)|^libs\/(testkit|simulation|[a-z]+-conformance)\/|\/(simulated|scripted)-cluster\.ts$/;

export function waysToAStop(root: string, more: readonly string[] = []): readonly Finding[] {
  const config = ts.readConfigFile(resolve(root, 'tsconfig.json'), (path) => ts.sys.readFile(path))
    .config as {
    compilerOptions: object;
  };
  const { options, fileNames } = ts.parseJsonConfigFileContent(
    { ...config, include: ['apps/**/*.ts', 'libs/**/*.ts'], exclude: ['node_modules', 'dist'] },
    ts.sys,
    root,
  );
  const files = fileNames.filter((file) => !NOT_PRODUCTION.test(relative(root, file)));
  const program = ts.createProgram([...files, ...more.map((file) => resolve(root, file))], {
    ...options,
    noEmit: true,
  });
  return new Search(program, root, new Set([...files, ...more.map((file) => resolve(root, file))])).run();
}

const STOP_MEMBERS = new Set(['goal', 'stop', 'phase', 'then', 'drainUntil']);
const STOP_TYPES = new Set(['Instance', 'InstanceStop']);
/** Of TaskCalls. */
const ASKS_FOR_STOPS = new Set(['stop', 'makeSure']);
const ENGINE_ENDS = new Set(['stop', 'kill', 'restart', 'remove']);

class Search {
  readonly #checker: ts.TypeChecker;
  readonly #findings: Finding[] = [];
  readonly #runtime: ts.Type | undefined;

  constructor(
    private readonly program: ts.Program,
    private readonly root: string,
    private readonly files: ReadonlySet<string>,
  ) {
    this.#checker = program.getTypeChecker();
    this.#runtime = this.#interface('libs/runtime/src/runtime.ts', 'Runtime');
    if (!this.#runtime) throw new Error('libs/runtime has no interface Runtime any more: mend this search');
  }

  run(): readonly Finding[] {
    for (const source of this.program.getSourceFiles()) {
      if (this.files.has(resolve(source.fileName))) this.#look(source);
    }
    return this.#findings;
  }

  #look(node: ts.Node): void {
    const way = this.#wayOf(node);
    if (way) this.#note(way, node);
    ts.forEachChild(node, (child) => this.#look(child));
  }

  #wayOf(node: ts.Node): Way | null {
    if (ts.isPropertyAssignment(node) || ts.isShorthandPropertyAssignment(node)) return this.#member(node);
    if (ts.isPropertyAccessExpression(node)) return this.#access(node);
    if (ts.isBindingElement(node)) return this.#taken(node);
    const isCall = ts.isCallExpression(node) && ts.isIdentifier(node.expression);
    return isCall && node.expression.text === 'signalProcess' ? 'signal' : null;
  }

  #member(node: ts.PropertyAssignment | ts.ShorthandPropertyAssignment): Way | null {
    const name = node.name.getText();
    const value = ts.isPropertyAssignment(node) ? node.initializer : node.name;
    const text = ts.isStringLiteral(value) ? value.text : undefined;
    if (name === 'kind' && text === 'remove-instance') return 'remove-instance';
    if (name === 'kind' && text === 'stop') {
      const contextual = this.#checker.getContextualType(node.parent);
      return contextual?.aliasSymbol?.name === 'Step' ? 'stop-step' : null;
    }
    if (!STOP_MEMBERS.has(name) || (name === 'goal' && text === 'running')) return null;
    if (this.#ownersOf(node.parent, name).some((each) => STOP_TYPES.has(each))) return 'write-stop';
    const known = this.#checker.getContextualType(node.parent) !== undefined;
    const type = this.#checker.getNonNullableType(this.#checker.getTypeAtLocation(value));
    return name === 'stop' && !known && type.symbol?.name === 'InstanceStop' ? 'write-stop' : null;
  }

  /** The types that declare the member which this literal sets: by where the literal goes, and by what is spread into it. */
  #ownersOf(literal: ts.ObjectLiteralExpression, member: string): readonly string[] {
    const contextual = this.#checker.getContextualType(literal);
    const spread = literal.properties.flatMap((each) =>
      ts.isSpreadAssignment(each) ? [this.#checker.getTypeAtLocation(each.expression)] : [],
    );
    return [...(contextual ? [contextual] : []), ...spread].flatMap((type) =>
      (type.isUnion() ? type.types : [type]).flatMap((each) => {
        const declared = this.#checker.getPropertyOfType(each, member)?.declarations ?? [];
        return declared.map(({ parent }) => (ts.isInterfaceDeclaration(parent) ? parent.name.text : ''));
      }),
    );
  }

  #access(node: ts.PropertyAccessExpression): Way | null {
    const name = node.name.text;
    if (name === 'kill' && !isTypeOnly(node) && this.#isSignalling(node)) return 'signal';
    if (name === 'remove' && this.#classOf(node) === 'AppDraft') return 'draft-remove';
    if (ENGINE_ENDS.has(name) && this.#nameOf(node.expression) === 'Container') return 'engine-stop';
    if (ASKS_FOR_STOPS.has(name) && this.#classOf(node) === 'TaskCalls') return 'worker-stop';
    if (name !== 'stop') return null;
    return this.#isRuntime(this.#checker.getTypeAtLocation(node.expression)) ? 'runtime-stop' : null;
  }

  /** `const { stop } = runtime`. */
  #taken(node: ts.BindingElement): Way | null {
    const name = (node.propertyName ?? node.name).getText();
    if (name !== 'stop' && name !== 'kill') return null;
    const type = this.#checker.getTypeAtLocation(node.parent);
    if (name === 'stop') return this.#isRuntime(type) ? 'runtime-stop' : null;
    return type.symbol?.name === 'Process' || type.symbol?.name === 'ChildProcess' ? 'signal' : null;
  }

  /** `kill` of node's process or of a child, not a method of ours with that name. */
  #isSignalling(node: ts.PropertyAccessExpression): boolean {
    const declared = this.#checker.getSymbolAtLocation(node.name)?.declarations ?? [];
    return declared.some((each) => /node_modules\/@types\/node\//.test(each.getSourceFile().fileName));
  }

  #isRuntime(type: ts.Type): boolean {
    const plain = this.#checker.getNonNullableType(type);
    const isAny = (plain.flags & (ts.TypeFlags.Any | ts.TypeFlags.Never)) !== 0;
    return !isAny && this.#runtime !== undefined && this.#checker.isTypeAssignableTo(plain, this.#runtime);
  }

  #classOf(node: ts.PropertyAccessExpression): string | undefined {
    const declared = this.#checker.getSymbolAtLocation(node.name)?.valueDeclaration?.parent;
    return declared && ts.isClassDeclaration(declared) ? declared.name?.text : undefined;
  }

  #nameOf(expression: ts.Expression): string | undefined {
    return this.#checker.getNonNullableType(this.#checker.getTypeAtLocation(expression)).symbol?.name;
  }

  #interface(file: string, name: string): ts.Type | undefined {
    const source = this.program.getSourceFile(resolve(this.root, file));
    const found = source?.statements.find(
      (each) => ts.isInterfaceDeclaration(each) && each.name.text === name,
    );
    return found && this.#checker.getTypeAtLocation(found);
  }

  #note(way: Way, node: ts.Node): void {
    const source = node.getSourceFile();
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    const file = relative(this.root, source.fileName);
    this.#findings.push({ way, file, where: whereOf(node), line: line + 1 });
  }
}

/** `Pick<X, 'kill'>` and the like never reach here; what is left to leave out is a type query. */
const isTypeOnly = (node: ts.Node): boolean => ts.isTypeQueryNode(node.parent);

function whereOf(node: ts.Node): string {
  for (let at: ts.Node | undefined = node; at; at = at.parent) {
    if (ts.isMethodDeclaration(at) || ts.isFunctionDeclaration(at) || ts.isGetAccessorDeclaration(at)) {
      const owner = ts.isClassDeclaration(at.parent) ? `${at.parent.name?.text ?? ''}.` : '';
      return `${owner}${at.name?.getText() ?? ''}`;
    }
    if (ts.isVariableDeclaration(at) && ts.isSourceFile(at.parent.parent.parent)) return at.name.getText();
  }
  return '';
}
