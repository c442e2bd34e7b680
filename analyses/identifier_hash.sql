{{ identifier_hash('type', 'normalised_value') }}
