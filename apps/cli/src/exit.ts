// Exit codes that scripts can trust: 0 done; 1 refused or failed; 2 wrong use; 3 no server answers; 4 not done within --timeout; 5 a plan says no;
// 6 a plan cannot tell; 130 interrupted.

export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  constructor(
    message: string,
    readonly exitCode: 1 | 2 | 4 = 1,
  ) {
    super(message);
  }
}
