{{ unusable_because('trimmed_value', 'normalised_value') }}
