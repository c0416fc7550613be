// Numbers the states of the working set. One count per process: a number is never given twice, also not to another copy of the same
// rows, so equal numbers (with the same process) mean equal state and an answer may be recognised by it.

export class ChangeCount {
  #last = 0;

  next(): number {
    this.#last += 1;
    return this.#last;
  }
}
