-- To whom a job's request was sent that may have to be paid, and how to go on with it there, as JSON.
ALTER TABLE jobs ADD COLUMN remote TEXT;
