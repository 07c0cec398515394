"""risk profiles of readings

Revision ID: 0013
Revises: 0012
"""
import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'risk_profile',
        sa.Column('reading_id', sa.String(length=36), nullable=False),
        sa.Column('person', sa.String(length=64), nullable=False),
        sa.Column('origin', sa.String(length=64), nullable=False),
        sa.Column('on_day', sa.String(length=10), nullable=False),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('made_at', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('reading_id', name=op.f('pk_risk_profile')),
    )
    with op.batch_alter_table('risk_profile') as batch:
        batch.create_index('ix_risk_profile_person', ['person'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('risk_profile') as batch:
        batch.drop_index('ix_risk_profile_person')
    op.drop_table('risk_profile')
