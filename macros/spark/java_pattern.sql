{#-
    A regular expression of RE2, as models write them, in Java's words for the same; Spark's regular expressions are Java's.

    - blanks: `\s` of RE2 holds no vertical tab
    - classes: in brackets `[`, `&` and a `]` at the beginning are letters like others
    - `\p{C}` of RE2 holds no unassigned code point; a script is `\p{IsGreek}`, not `\p{Greek}`
    - `$` is the end of the text alone, `.` is all but a line feed, and `(?i)` holds for all letters

    Raises a compiler error for what it does not know.
-#}
{% macro java_pattern(pattern) -%}
    {%- set blanks = '\\t\\n\\f\\r ' -%}
    {%- set other = '\\p{Cc}\\p{Cf}\\p{Cs}\\p{Co}' -%}
    {%- set at = namespace(place=0, in_class=false, is_first=false, has_dot=false, written='') -%}
    {%- for number in range(pattern | length) if number >= at.place -%}
        {%- set letter = pattern[number] -%}
        {%- set next = pattern[number + 1:number + 2] -%}
        {%- set at.place = number + 1 -%}
        {%- set is_first = at.is_first -%}
        {%- set at.is_first = false -%}
        {%- if letter == '\\' -%}
            {%- set at.place = number + 2 -%}
            {%- if next == 's' -%}
                {%- set at.written = at.written ~ (blanks if at.in_class else '[' ~ blanks ~ ']') -%}
            {%- elif next == 'p' -%}
                {%- if pattern[number + 2] == '{' -%}
                    {%- set name = pattern[number + 3:].split('}')[0] -%}
                    {%- set at.place = number + 4 + name | length -%}
                {%- else -%}
                    {%- set name = pattern[number + 2] -%}
                    {%- set at.place = number + 3 -%}
                {%- endif -%}
                {%- if name == 'C' -%}
                    {%- set at.written = at.written ~ (other if at.in_class else '[' ~ other ~ ']') -%}
                {%- else -%}
                    {%- set at.written = at.written ~ '\\p{' ~ ('Is' if name | length > 2) ~ name ~ '}' -%}
                {%- endif -%}
            {%- elif next == 'x' -%}
                {%- set at.written = at.written ~ '\\x' -%}
            {%- elif next in 'dDwWtnrf.+*?()[]{}|^$/\\-' and next -%}
                {%- set at.written = at.written ~ '\\' ~ next -%}
            {%- else -%}
                {{ exceptions.raise_compiler_error(
                    "java_pattern does not know what \\" ~ next ~ " is in Java; it is in the regular expression " ~ pattern
                ) }}
            {%- endif -%}
        {%- elif at.in_class -%}
            {%- if letter == '[' and next == ':' -%}
                {{ exceptions.raise_compiler_error(
                    "java_pattern does not know [:…:]; write the letters out in the regular expression " ~ pattern
                ) }}
            {%- elif letter == ']' and not is_first -%}
                {%- set at.in_class = false -%}
                {%- set at.written = at.written ~ ']' -%}
            {%- else -%}
                {%- set at.is_first = is_first and letter == '^' -%}
                {%- set at.written = at.written ~ ('\\' if letter in '[]&') ~ letter -%}
            {%- endif -%}
        {%- elif letter == '[' -%}
            {%- set at.in_class = true -%}
            {%- set at.is_first = true -%}
            {%- set at.written = at.written ~ '[' -%}
        {%- elif letter == '(' and pattern[number:number + 4] == '(?i)' -%}
            {%- set at.place = number + 4 -%}
            {%- set at.written = at.written ~ '(?iu)' -%}
        {%- elif letter == '(' and next == '?' and pattern[number + 2] != ':' -%}
            {{ exceptions.raise_compiler_error(
                "java_pattern does not know this kind of group; it is in the regular expression " ~ pattern
            ) }}
        {%- else -%}
            {%- set at.has_dot = at.has_dot or letter == '.' -%}
            {%- set at.written = at.written ~ ('\\z' if letter == '$' else letter) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(('(?d)' if at.has_dot else '') ~ at.written) }}
{%- endmacro %}
