{#- The models that unions read, by what their rows are. `make unions` writes it from YAML. -#}
{% macro union_models() -%}
    {{ return({
        'events': [
            'int_store_baskets',
            'stg_ads__clicks',
            'stg_ads__impressions',
            'stg_app__events',
            'stg_crm__lifecycle_changes',
            'stg_crm__opportunities',
            'stg_email__activities',
            'stg_email__sends',
            'stg_email__subscribers',
            'stg_feed__events',
            'stg_loyalty__members',
            'stg_loyalty__point_transactions',
            'stg_shop__orders',
            'stg_shop__subscriptions',
            'stg_social__mentions',
            'stg_social__messages',
            'stg_store__visits',
            'stg_support__calls',
            'stg_support__chats',
            'stg_support__tickets',
            'stg_surveys__responses',
            'stg_web__events',
        ],
        'people': [
            'stg_crm__people',
            'stg_feed__people',
            'stg_loyalty__people',
        ],
        'spend': [
            'stg_ads__spend',
            'stg_feed__spend',
        ],
    }) }}
{%- endmacro %}
