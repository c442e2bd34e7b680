{{ canonical_hash('hashed.written_hash') }}
