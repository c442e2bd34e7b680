{{ trimmed_identifier('value') }}
