{{ normalised_by_rule('rule', 'trimmed_value') }}
