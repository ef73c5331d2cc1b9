-- SPDX-License-Identifier: Apache-2.0
-- Called by ../lua.conf for every record: false drops it, nothing keeps it.

local currencies = { EUR = true, CHF = true }

function tidy(record)
    local order = record.value
    if not order then return end -- a tombstone passes as it is
    if order.currency and not currencies[order.currency] then return false end
    for _, line in ipairs(order.lines or {}) do
        line.sku = line.sku:upper()
    end
    record.headers.tidied = "yes"
end
