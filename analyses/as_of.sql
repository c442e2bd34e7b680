{{ as_of() }}
