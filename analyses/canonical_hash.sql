{{ canonical_hash('written_hash') }}
