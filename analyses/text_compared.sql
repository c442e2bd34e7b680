{{ text_compared('value') }}
