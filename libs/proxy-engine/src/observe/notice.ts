/** For the log: something a person may want to know. Without a level it is a warning. */
export type OnNotice = (text: string, level?: 'info') => void;
