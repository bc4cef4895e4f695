"""Files that campaigns write: CSV and workbooks, in the form in which the input came."""
