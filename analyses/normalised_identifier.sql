{{ normalised_identifier('rule', 'value') }}
