-- SPDX-License-Identifier: ISC
-- What is known of files beside their bytes: who may have which form of them.

-- What came from a camera is for who sent it.
create function file_readable(p_id uuid, p_owner text, p_variant text,
	p_caller text, p_role text) returns boolean
language sql stable
as $$
select case when p_variant = 'source' then p_owner = p_caller
		or p_role in ('admin', 'service')
	else upload_readable(p_id, p_owner, p_caller, p_role) end
$$;
